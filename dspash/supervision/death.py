"""Death: all that is known about one generation that ended."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from dspash.supervision.exit_reason import ExitReason

__all__ = ["Death"]


@dataclass(frozen=True, slots=True)
class Death:
    """One process behind a child id has ended.

    `generation` counts the child's processes from 1. `ready_s` is for how long it was ready, or None if it
    never was. `in_flight` are the commands it was serving, as text. The rest is for people and decides nothing:
    the last lines of stderr, oldest first; the memory it held when last looked at, in bytes.
    """

    child_id: str
    generation: int
    exit: ExitReason
    _: KW_ONLY
    ready_s: float | None
    stderr_tail: tuple[str, ...] = ()
    in_flight: tuple[str, ...] = ()
    memory_bytes: int | None = None

    @property
    def is_blamed_on_calls(self) -> bool:
        """Whether it was serving calls when it ended: any of them may be why, and all of them are told."""
        return self.ready_s is not None and bool(self.in_flight)
