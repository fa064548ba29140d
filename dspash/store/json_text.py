"""JSON text: how structured values are written in the database."""

from __future__ import annotations

import json
from typing import Any, Final

__all__ = ["encode_json"]

_SEPARATORS: Final = (",", ":")
_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=_SEPARATORS).encode
_encode_escaped: Final = json.JSONEncoder(allow_nan=False, separators=_SEPARATORS).encode


def encode_json(value: Any) -> str:
    """Compact JSON in the order of the value's keys, which UTF-8 can carry. Raises ValueError for NaN and the infinities."""
    text = _encode(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # half a surrogate pair, as models may write: JSON has an escape for it
            return _encode_escaped(value)
    return text
