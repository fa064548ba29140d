"""Limits that both ends hold to; only the size of a frame is agreed upon in `hello`."""

from __future__ import annotations

from typing import Final

__all__ = [
    "HEAD_BYTES",
    "MAX_DEPTH",
    "MAX_FRAME",
    "MAX_INTEGER",
    "MAX_TIMEOUT_MS",
    "MAX_VALUE_DEPTH",
    "MIN_FRAME",
    "MIN_INTEGER",
    "SKIP_LIMIT",
    "TAIL_BYTES",
]

MAX_FRAME: Final = 64 * 1024 * 1024
"""Largest payload, in bytes, each way, unless `hello` says otherwise."""

MIN_FRAME: Final = 4096
"""Smallest limit a side may set: any request can be answered within it, if only by a fault cut down."""

SKIP_LIMIT: Final = 0x2000_0000
"""An announcement of this much or more is no frame but stray text: its first byte is a printable character."""

HEAD_BYTES: Final = 512
TAIL_BYTES: Final = 128
"""How much of a skipped frame's beginning and end is kept, so that its request can be answered."""

MAX_DEPTH: Final = 100
"""Deepest nesting of maps and lists in a payload, the payload's own map included."""

MAX_VALUE_DEPTH: Final = MAX_DEPTH - 2
"""Deepest nesting of a value that fits every message: an event puts two maps around its data."""

MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**64 - 1
"""Integers msgpack can carry; JSON is held to the same range, so both codecs mean the same."""

MAX_TIMEOUT_MS: Final = 2**40
"""Longest `timeout_ms`, about 35 years: what every language's timers can add to a clock without overflowing."""
