"""Trimming: values made short and plain enough to be kept and shown, whatever they were."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast

from dspash_protocol.limits import MAX_INTEGER, MIN_INTEGER
from dspash_protocol.values import RESERVED_KEYS

__all__ = ["MAX_ITEMS", "MAX_TEXT", "Trim", "trimmed"]

MAX_TEXT: Final = 20_000
"""Characters of one text; a picture in a prompt is a text too."""

MAX_ITEMS: Final = 200
"""Entries of one list or map."""

MAX_LEVELS: Final = 12
MAX_KEY: Final = 200

_PLAIN: Final = frozenset({bool, type(None)})

Trim = Callable[[object], Any]
"""Makes wire values of what is none; what it raises is its caller's to know."""


def _by_type(value: object) -> str:
    return f"<{type(value).__name__}>"


def trimmed(value: object, convert: Trim = _by_type, *, levels: int = MAX_LEVELS) -> Any:
    """Return `value` as null, booleans, 64-bit integers, finite floats, texts, lists and maps, none of them long.

    What is left out is counted in its place; what was trimmed stays as it is when it is trimmed again. Texts have no NUL and no lone surrogates, which databases refuse; bytes are
    told by their number. `convert` is given what is of none of these types; by default it is told by its type.
    """
    kind = type(value)
    if kind is str:
        return _text(cast("str", value))
    if kind in _PLAIN:
        return value
    if kind is int:
        return value if MIN_INTEGER <= cast("int", value) <= MAX_INTEGER else _big(cast("int", value))
    if kind is float:
        return value if math.isfinite(cast("float", value)) else str(value)
    if kind is dict:
        return _map(cast("Mapping[Any, Any]", value), convert, levels) if levels else _hidden(value)
    if kind is list or kind is tuple:
        return _list(cast("list[Any]", value), convert, levels) if levels else _hidden(value)
    if kind is bytes:
        return f"<{len(cast('bytes', value))} bytes>"
    return trimmed(convert(value), levels=levels)


def _text(text: str) -> str:
    if len(text) > MAX_TEXT:
        note = f"… ({len(text)} characters)"
        text = text[: MAX_TEXT - len(note)] + note
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _big(number: int) -> str:
    return f"<an integer of {number.bit_length()} bits>"


def _hidden(value: object) -> str:
    return f"<{len(cast('list[Any]', value))} entries>"


def _map(value: Mapping[Any, Any], convert: Trim, levels: int) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, item in value.items():
        if len(out) == MAX_ITEMS - 1 and len(value) > MAX_ITEMS:
            out["…"] = _more(value)
            break
        name = key if type(key) is str else str(key) if isinstance(key, str | int | float) else _by_type(key)
        if len(name) > MAX_KEY:
            name = f"{name[: MAX_KEY - 1]}…"
        if not name.isascii() or "\0" in name:
            name = _text(name)
        if name in RESERVED_KEYS:
            name = f"<{name}>"
        # Most of what is trimmed are short texts, in messages above all: a call for each is half of what it costs.
        if type(item) is str and len(item) <= MAX_TEXT and item.isascii() and "\0" not in item:
            out[name] = item
        else:
            out[name] = trimmed(item, convert, levels=levels - 1)
    return out


def _list(value: list[Any] | tuple[Any, ...], convert: Trim, levels: int) -> list[Any]:
    items: Iterable[Any] = value if len(value) <= MAX_ITEMS else value[: MAX_ITEMS - 1]
    out = [trimmed(item, convert, levels=levels - 1) for item in items]
    if len(value) > MAX_ITEMS:
        out.append(_more(value))
    return out


def _more(value: Mapping[Any, Any] | list[Any] | tuple[Any, ...]) -> str:
    return f"… ({len(value) - MAX_ITEMS + 1} more)"
