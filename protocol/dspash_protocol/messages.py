"""Messages: the six shapes a payload can have, read strictly and written plainly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from dspash_protocol.errors import InvalidPayloadError
from dspash_protocol.faults import Fault, FaultKind
from dspash_protocol.values import WireMap

__all__ = ["Cancel", "ErrorReply", "Event", "Message", "Notice", "Reply", "Request", "Result", "read_message"]


@dataclass(frozen=True, slots=True)
class Request:
    """A question. Host ids count up from 1, worker ids down from -1; `timeout_ms` is a duration."""

    id: int
    command: str
    args: Mapping[str, Any]
    timeout_ms: int | None = None
    traceparent: str | None = None

    def to_map(self) -> WireMap:
        out: WireMap = {"id": self.id, "command": self.command, "args": self.args}
        if self.timeout_ms is not None:
            out["timeout_ms"] = self.timeout_ms
        if self.traceparent is not None:
            out["traceparent"] = self.traceparent
        return out


@dataclass(frozen=True, slots=True)
class Result:
    """The one answer to a request that succeeded."""

    id: int
    result: Any

    def to_map(self) -> WireMap:
        return {"id": self.id, "result": self.result}


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """The one answer to a request that failed."""

    id: int
    fault: Fault

    def to_map(self) -> WireMap:
        return {"id": self.id, "error": self.fault.to_map()}

    def to_plain_map(self) -> WireMap:
        """Plain mode's form: the error is a line of text."""
        return {"id": self.id, "error": f"{self.fault.kind}: {self.fault.message}"}


@dataclass(frozen=True, slots=True)
class Event:
    """Something told about a request before its answer, by the side answering it; `seq` counts from 0 in the request."""

    id: int
    kind: str
    seq: int
    data: Any

    def to_map(self) -> WireMap:
        return {"id": self.id, "event": {"kind": self.kind, "seq": self.seq, "data": self.data}}


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask for a request to end early; its own answer says what became of it."""

    id: int
    reason: str

    def to_map(self) -> WireMap:
        return {"cancel": self.id, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Notice:
    """Something said without an answer."""

    name: str
    data: Mapping[str, Any]

    def to_map(self) -> WireMap:
        return {"notice": self.name, "data": self.data}


Reply: TypeAlias = Result | ErrorReply
Message: TypeAlias = Request | Result | ErrorReply | Event | Cancel | Notice


def read_message(raw: WireMap) -> Message:
    """Read one decoded payload. Raises InvalidPayloadError with the path of what is missing or mistyped.

    Keys that are not known are ignored, so that either side may be the newer one.
    """
    for key, read in _READERS.items():
        if key in raw:
            return read(raw)
    raise InvalidPayloadError(
        "$", f"none of {', '.join(_READERS)} is there, so this is no message", request_id=_peek_id(raw)
    )


def _read_request(raw: WireMap) -> Request:
    args = raw.get("args")
    return Request(
        _id(raw),
        _field(raw, "command", str, "text"),
        {} if args is None else _field(raw, "args", dict, "a map"),
        _optional_duration(raw),
        _field(raw, "traceparent", str, "text") if raw.get("traceparent") is not None else None,
    )


def _read_result(raw: WireMap) -> Result:
    return Result(_id(raw), raw["result"])


def _read_error(raw: WireMap) -> ErrorReply:
    error = raw["error"]
    if isinstance(error, str):
        return ErrorReply(_id(raw), Fault(FaultKind.INTERNAL, error))
    return ErrorReply(_id(raw), Fault.from_map(_field(raw, "error", dict, "a fault or text")))


def _read_event(raw: WireMap) -> Event:
    event: WireMap = _field(raw, "event", dict, "a map")
    kind = _field(event, "kind", str, "text", at="$.event", owner=raw)
    seq = _field(event, "seq", int, "an integer", at="$.event", owner=raw)
    return Event(_id(raw), kind, seq, event.get("data"))


def _read_cancel(raw: WireMap) -> Cancel:
    reason = raw.get("reason", "")
    return Cancel(_field(raw, "cancel", int, "a request id"), reason if isinstance(reason, str) else "")


def _read_notice(raw: WireMap) -> Notice:
    data = raw.get("data")
    return Notice(_field(raw, "notice", str, "text"), {} if data is None else _field(raw, "data", dict, "a map"))


_READERS: Final[dict[str, Callable[[WireMap], Message]]] = {
    "command": _read_request,
    "result": _read_result,
    "error": _read_error,
    "event": _read_event,
    "cancel": _read_cancel,
    "notice": _read_notice,
}


def _id(raw: WireMap) -> int:
    value = raw.get("id")
    if type(value) is not int:
        raise InvalidPayloadError("$.id", f"a request id is an integer, this is {_name(value)}")
    return value


def _optional_duration(raw: WireMap) -> int | None:
    value = raw.get("timeout_ms")
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise InvalidPayloadError(
            "$.timeout_ms", f"a duration is a whole number of milliseconds, this is {value!r:.40}", _peek_id(raw)
        )
    return value


def _field(raw: WireMap, key: str, kind: type, wanted: str, *, at: str = "$", owner: WireMap | None = None) -> Any:
    value = raw.get(key)
    if type(value) is not kind:
        raise InvalidPayloadError(f"{at}.{key}", f"{wanted} is wanted, this is {_name(value)}", _peek_id(owner or raw))
    return value


def _peek_id(raw: WireMap) -> int | None:
    value = raw.get("id")
    return value if type(value) is int else None


def _name(value: object) -> str:
    return "missing" if value is None else type(value).__name__
