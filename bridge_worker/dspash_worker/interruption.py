"""Interruption: makes a cancelled call's thread notice, again and again while it goes on, at moments that do no harm."""

from __future__ import annotations

from functools import partial
from typing import Final

from dspash_worker.cancellation import CallState, Cancellation
from dspash_worker.timers import Timers

__all__ = ["interrupt", "interrupt_later"]

FIRST_REPEAT_S: Final = 0.05
LONGEST_REPEAT_S: Final = 1.0
"""How soon the interruption of a call that goes on is repeated, doubling, and how seldom at last."""

FIRST_HESITATION_S: Final = 0.001
LONGEST_HESITATION_S: Final = 0.03
"""How soon another moment is looked for when this one is bad, doubling, and how long bad moments are respected."""


def interrupt(
    cancellation: Cancellation,
    timers: Timers,
    repeat_s: float = FIRST_REPEAT_S,
    hesitate_s: float = FIRST_HESITATION_S,
) -> None:
    """Interrupt a call until it ends. Does not wait."""
    if cancellation.state is not CallState.CANCELLING:
        return
    if cancellation.inject(insist=hesitate_s > LONGEST_HESITATION_S):
        again = partial(interrupt, cancellation, timers, min(repeat_s * 2, LONGEST_REPEAT_S))
        timers.after(repeat_s, again)
    else:
        again = partial(interrupt, cancellation, timers, repeat_s, min(hesitate_s * 2, FIRST_REPEAT_S))
        timers.after(hesitate_s, again)


def interrupt_later(cancellation: Cancellation, timers: Timers) -> None:
    """Interrupt a call that has been woken, if it has not ended by itself a little later."""
    timers.after(FIRST_REPEAT_S, partial(interrupt, cancellation, timers))
