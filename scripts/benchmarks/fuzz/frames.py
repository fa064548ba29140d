"""Frames: valid payloads to begin with, from the protocol's test vectors."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

__all__ = ["vector_payloads"]

_VECTORS: Final = Path(__file__).resolve().parents[3] / "protocol" / "vectors"
_HEADER_BYTES: Final = 4


@cache
def vector_payloads() -> tuple[bytes, ...]:
    """Every payload of the vectors, good and bad, and those inside their streams; each once."""
    found: dict[bytes, None] = {}
    for name in ("messages", "faults", "json", "msgpack", "values"):
        for group in _read(name).values():
            for case in group if isinstance(group, list) else ():
                for key in ("payload", "json", "msgpack"):
                    if isinstance(case.get(key), str):
                        found[bytes.fromhex(case[key])] = None
    streams = [case["stream"] for case in _read("framing")["streams"]]
    streams += [
        step["stream"]
        for dialogue in _read("sessions")["dialogues"]
        for step in dialogue["steps"]
        if "stream" in step
    ]
    for stream in streams:
        found.update(dict.fromkeys(_cut(bytes.fromhex(stream))))
    return tuple(found)


def _read(name: str) -> dict[str, Any]:
    vectors: dict[str, Any] = json.loads((_VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    return vectors


def _cut(stream: bytes) -> list[bytes]:
    payloads: list[bytes] = []
    while len(stream) >= _HEADER_BYTES:
        length = int.from_bytes(stream[:_HEADER_BYTES], "big")
        payloads.append(stream[_HEADER_BYTES : _HEADER_BYTES + length])
        stream = stream[_HEADER_BYTES + length :]
    return payloads
