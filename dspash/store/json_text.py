"""JSON text: how structured values are written in the database."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["encode_json"]


def encode_json(value: Any) -> str:
    """Compact JSON in the order of the value's keys, which UTF-8 can carry. Raises ValueError for NaN and the infinities."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # half a surrogate pair, as models may write: JSON has an escape for it
            return json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text
