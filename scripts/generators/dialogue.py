"""Dialogue: a session from its first byte, frame by frame, with the state each frame leaves it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from cases import frame
from noted_messages import request, result

__all__ = [
    "GREETING",
    "MAX_FRAME",
    "Dialogue",
    "End",
    "Refused",
    "Said",
    "Step",
]

MAX_FRAME = 4096
"""The limit both ends have in every dialogue."""


@dataclass(frozen=True)
class Said:
    """A message that may be said; both ends are then in `state`."""

    by: str
    payload: bytes
    means: dict[str, Any]
    state: str

    @property
    def stream(self) -> bytes:
        """The bytes on the pipe."""
        return frame(self.payload)


@dataclass(frozen=True)
class Refused:
    """A frame that the listener refuses, and stays in step.

    `owed`: the speaker's request that the listener now answers with the fault. `ended`: the listener's own request
    that the frame was about, which ends with the fault.
    """

    by: str
    payload: bytes
    kind: str
    state: str
    owed: int | None = None
    ended: int | None = None

    @property
    def stream(self) -> bytes:
        """The bytes on the pipe."""
        return frame(self.payload)


@dataclass(frozen=True)
class End:
    """The last bytes of one side, and the end of its pipe: between frames, inside one, or stray text."""

    by: str
    stream: bytes
    how: str
    state: str = "closed"


Step: TypeAlias = Said | Refused | End


@dataclass(frozen=True)
class Dialogue:
    """One session from its first byte."""

    name: str
    about: str
    steps: tuple[Step, ...]


GREETING = (
    Said(
        "host",
        b'{"id":1,"command":"hello","args":{"protocol":1}}',
        request(1, "hello", {"protocol": 1}),
        "greeted",
    ),
    Said(
        "worker",
        b'{"id":1,"result":{"protocol":1,"max_frame":4096}}',
        result(1, {"protocol": 1, "max_frame": 4096}),
        "full",
    ),
)
"""How every session at the full level begins."""
