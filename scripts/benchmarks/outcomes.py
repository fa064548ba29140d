"""Outcomes: what one timed act in a host process came to, as it travels to the coordinator."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Hanging", "Lateness", "Loss"]


@dataclass(frozen=True, slots=True)
class Loss:
    """A worker killed in the middle of a call; all in seconds, None where nothing came in time.

    The call's exception came `error_s` after the kernel reported the death, `signal_s` after SIGKILL was sent. The next
    call, made at once, was answered `next_s` after the death; `rebuilt`: the caller had to make the system anew first.
    """

    error: str
    error_s: float | None
    signal_s: float | None
    next_s: float | None
    rebuilt: bool


@dataclass(frozen=True, slots=True)
class Lateness:
    """A call that outlived its deadline: seconds past it until the caller had control, and until the next answer."""

    error: str
    overshoot_s: float | None
    next_s: float | None


@dataclass(frozen=True, slots=True)
class Hanging:
    """Processes known to be busy with calls that never end."""

    pids: list[int]
