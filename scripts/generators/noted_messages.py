"""Noted messages: what a frame says, as the vectors note it."""

from __future__ import annotations

from typing import Any

from cases import Noted, note

__all__ = ["cancel", "error", "event", "fault", "line", "note_message", "notice", "request", "result"]

_VALUES = frozenset({"args", "result", "data", "details"})


def note_message(message: dict[str, Any]) -> dict[str, Noted]:
    """A message as it stands in a vector: the values in it keep their types, its own fields are plain JSON."""
    noted: dict[str, Noted] = {}
    for key, item in message.items():
        noted[key] = note(item) if key in _VALUES else note_message(item) if key == "fault" else item
    return noted


def request(id: int, command: str, args: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A request, as it is noted."""
    return {
        "message": "request",
        "id": id,
        "command": command,
        "args": args or {},
        "timeout_ms": None,
        "traceparent": None,
        **more,
    }


def result(id: int, result: Any) -> dict[str, Any]:
    """A result."""
    return {"message": "result", "id": id, "result": result}


def error(id: int, kind: str, message: str, **more: Any) -> dict[str, Any]:
    """An error reply at the full level."""
    return {"message": "error", "id": id, "fault": fault(kind, message, **{"progress": "sent", **more})}


def fault(kind: str, message: str, **more: Any) -> dict[str, Any]:
    """A fault, whatever it does not say filled in as a reader would."""
    return {
        "kind": kind,
        "message": message,
        "type": "",
        "retryable": False,
        "progress": "side_effects",
        "details": {},
        "traceback": None,
        **more,
    }


def line(id: int, kind: str, message: str) -> dict[str, Any]:
    """An error of the plain level: a host reads its line of text as the message of a fault that knows nothing else."""
    return error(id, "internal", f"{kind}: {message}", progress="side_effects")


def event(id: int, kind: str, seq: int, data: Any) -> dict[str, Any]:
    """An event."""
    return {"message": "event", "id": id, "kind": kind, "seq": seq, "data": data}


def cancel(id: int, reason: str) -> dict[str, Any]:
    """A cancel."""
    return {"message": "cancel", "id": id, "reason": reason}


def notice(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """A notice."""
    return {"message": "notice", "name": name, "data": data}
