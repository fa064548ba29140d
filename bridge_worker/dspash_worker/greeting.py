"""Greeting: what a host says in `hello`, and what a worker answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dspash_protocol import MAX_FRAME, MIN_FRAME, PROTOCOL_VERSION, SKIP_LIMIT, FaultError, FaultKind

__all__ = ["FEATURES", "Greeting", "answer_greeting", "read_greeting"]

FEATURES: Final = ("cancel", "events", "heartbeat", "reverse_requests", "streams")

HEARTBEAT_S: Final = 1.0
LONGEST_HEARTBEAT_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a host wants of a full session."""

    max_frame: int = MAX_FRAME  # the longest payload it takes, in bytes
    heartbeat_s: float = HEARTBEAT_S  # 0: none


def read_greeting(args: Mapping[str, Any]) -> Greeting:
    """Read the arguments of `hello`. Raises FaultError naming what does not fit. Features not known are ignored."""
    protocol = args.get("protocol")
    if protocol != PROTOCOL_VERSION or type(protocol) is not int:
        raise _unfit(
            "protocol", f"this worker speaks version {PROTOCOL_VERSION}", supported=[PROTOCOL_VERSION]
        )
    max_frame = args.get("max_frame", MAX_FRAME)
    if type(max_frame) is not int or not MIN_FRAME <= max_frame < SKIP_LIMIT:
        raise _unfit("max_frame", f"bytes, from {MIN_FRAME} to {SKIP_LIMIT - 1}")
    heartbeat_s = args.get("heartbeat_s", HEARTBEAT_S)
    if type(heartbeat_s) not in (int, float) or not 0 <= heartbeat_s <= LONGEST_HEARTBEAT_S:
        raise _unfit("heartbeat_s", f"seconds, from 0 (none) to {LONGEST_HEARTBEAT_S:g}")
    return Greeting(max_frame, heartbeat_s)


def answer_greeting(
    *,
    max_frame: int,
    concurrency: int,
    versions: Mapping[str, str | None],
    pid: int,
    features: Sequence[str] = FEATURES,
) -> dict[str, Any]:
    """The result of `hello`; `max_frame` is the longest payload this worker takes."""
    return {
        "protocol": PROTOCOL_VERSION,
        "features": list(features),
        "max_frame": max_frame,
        "concurrency": concurrency,
        "pid": pid,
        "versions": dict(versions),
    }


def _unfit(name: str, wanted: str, **details: Any) -> FaultError:
    return FaultError.of(
        FaultKind.INVALID_INPUT, f"hello's {name} does not fit: {wanted}", path=f"$.{name}", **details
    )
