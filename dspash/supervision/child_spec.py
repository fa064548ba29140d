"""ChildSpec: what a supervisor must know to start, restart and stop one child."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from dspash.supervision.validation import require_count, require_duration, require_member, require_name

__all__ = ["ChildSpec", "Restart"]

StartT_co = TypeVar("StartT_co", covariant=True)


class Restart(StrEnum):
    """When a child that ended is started again; OTP's words and meaning."""

    PERMANENT = "permanent"
    """Always."""
    TRANSIENT = "transient"
    """Only if it ended abnormally: anything but exit status 0."""
    TEMPORARY = "temporary"
    """Never."""


@dataclass(frozen=True, slots=True)
class ChildSpec(Generic[StartT_co]):
    """One child of a supervisor, through all its generations.

    `id` is unique among its siblings. `start` is whatever the supervisor's owner needs to start a process;
    nothing here looks inside. `shutdown_s` is how long the child may take to end when asked before it is
    killed: 0 kills at once, infinity waits for ever. `max_failed_starts` is how many starts in a row may be
    repeated although the child never became ready; the intensity alone would never stop a child that fails
    more slowly than its period.

    Raises ConfigurationError naming the field that is wrong.
    """

    id: str
    start: StartT_co
    _: KW_ONLY
    restart: Restart = Restart.PERMANENT
    shutdown_s: float = 5.0  # OTP's default for workers
    max_failed_starts: int = 3

    def __post_init__(self) -> None:
        require_name("ChildSpec.id", self.id)
        require_member("ChildSpec.restart", self.restart, Restart)
        require_duration("ChildSpec.shutdown_s", self.shutdown_s)
        require_count("ChildSpec.max_failed_starts", self.max_failed_starts)
