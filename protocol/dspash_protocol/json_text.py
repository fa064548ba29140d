"""JSON text: a value of somebody's program as a text that fits every message."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

__all__ = ["write_json"]


def write_json(value: object, *, default: Callable[[Any], Any] | None = None) -> str:
    """Write `value` as strict JSON; `default` makes of an object what is written in its place.

    Raises TypeError, ValueError or RecursionError for what is no JSON value, NaN and infinities included.
    """
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, default=default)
    if text.isascii():
        return text
    return text.encode(
        errors="backslashreplace"
    ).decode()  # a lone surrogate, which no message takes, as \udXXX
