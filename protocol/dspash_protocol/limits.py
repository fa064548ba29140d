"""Limits both ends agree on unless `hello` says otherwise."""

from __future__ import annotations

from typing import Final

__all__ = ["HEAD_BYTES", "MAX_DEPTH", "MAX_FRAME", "MAX_INTEGER", "MIN_INTEGER", "SKIP_LIMIT"]

MAX_FRAME: Final = 64 * 1024 * 1024
"""Largest payload, in bytes, each way."""

SKIP_LIMIT: Final = 0x2000_0000
"""A longer announcement than this is no frame but stray text: its first byte is a printable character."""

HEAD_BYTES: Final = 512
"""How much of a skipped frame is kept, so that its request id can be answered."""

MAX_DEPTH: Final = 100
"""Deepest nesting of maps and lists in a payload."""

MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**64 - 1
"""Integers msgpack can carry; JSON is held to the same range, so both codecs mean the same."""
