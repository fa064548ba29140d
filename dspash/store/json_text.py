"""JSON text: how structured values are written in the database."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["encode_json"]


def encode_json(value: Any) -> str:
    """Compact JSON in the order of the value's keys. Raises ValueError for NaN and the infinities."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
