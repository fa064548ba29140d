"""Death: all that is known about one generation that ended."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from dspash.supervision.exit_reason import ExitReason

__all__ = ["Death"]


@dataclass(frozen=True, slots=True)
class Death:
    """One process behind a child id has ended. Only `child_id`, `generation`, `exit` and `ready_s` decide
    anything.

    `generation` counts the child's processes from 1. `ready_s` is for how long it was ready, or None if it
    never was. The rest is for people: the last lines of stderr, oldest first; the commands that were in
    flight, as text; the memory it held when last looked at, in bytes.
    """

    child_id: str
    generation: int
    exit: ExitReason
    _: KW_ONLY
    ready_s: float | None
    stderr_tail: tuple[str, ...] = ()
    in_flight: tuple[str, ...] = ()
    memory_bytes: int | None = None
