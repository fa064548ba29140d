"""Texts: what a prompt and a response say, to people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

__all__ = ["message_texts", "response_text"]


def response_text(response: Any) -> str:
    """The text of a response, an lm15 Response as a map; empty where it has none."""
    message = _map(response).get("message")
    return "\n".join(_texts(_map(message).get("parts")))


def message_texts(prompt: Any) -> list[tuple[str, str]]:
    """The role and the text of every message of a prompt, the system's first."""
    told = _map(prompt)
    system = told.get("system")
    found: list[tuple[str, str]] = []
    if isinstance(system, str):
        found.append(("system", system))
    elif system is not None:
        found.append(("system", "\n".join(_texts(system))))
    found.extend(
        (str(_map(message).get("role", "")), "\n".join(_texts(_map(message).get("parts"))))
        for message in _list(told.get("messages"))
    )
    found.extend(("input", str(given)) for given in _list(told.get("inputs")))
    return found


def _texts(parts: Any) -> Iterator[str]:
    """The texts of parts; what is no text is told by its type."""
    for part in _list(parts):
        fields = _map(part)
        kind = fields.get("type")
        if kind == "tool_call":
            yield f"[calls {fields.get('name')} {fields.get('input')}]"
        elif kind == "tool_result":
            yield from _texts(fields.get("content"))
        elif isinstance(text := fields.get("text"), str):
            yield text if kind == "text" else f"[{kind}] {text}"
        elif kind is not None:
            yield f"[{kind}]"


def _map(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
