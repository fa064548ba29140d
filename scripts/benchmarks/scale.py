"""Scale: how much of everything one run measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["FULL", "QUICK", "Scale"]


@dataclass(frozen=True, slots=True)
class Scale:
    """Rounds, and what each contestant does in one turn of a round."""

    starts: int
    trip_rounds: int
    trips: int  # calls a turn
    pipeline_rounds: int
    pipelined: int  # calls a turn
    window: int  # of them unanswered at a time
    echo_rounds: int
    small_echoes: int  # of 1 MiB, a turn
    big_echoes: int  # of 16 MiB, a turn
    faults: int  # lost workers, missed deadlines and killed hosts of each kind
    linger_s: float  # processes still there so long after their host count as left behind for good
    predict_rounds: (
        int  # many and short: a processor shared with strangers changes its speed by half every second or so
    )
    predictions: int  # a turn
    crunch_rounds: int
    crunches: int  # CPU-bound predictions a turn
    imports: int


FULL: Final = Scale(
    starts=7,
    trip_rounds=20,
    trips=300,
    pipeline_rounds=9,
    pipelined=4000,
    window=128,
    echo_rounds=6,
    small_echoes=10,
    big_echoes=2,
    faults=5,
    linger_s=10,
    predict_rounds=100,
    predictions=30,
    crunch_rounds=15,
    crunches=96,  # six times as many as run at once on two workers: the last ones, which run alone, weigh little
    imports=15,
)
"""A few minutes for all contestants on two cores."""

QUICK: Final = Scale(
    starts=1,
    trip_rounds=3,
    trips=50,
    pipeline_rounds=2,
    pipelined=400,
    window=128,
    echo_rounds=1,
    small_echoes=2,
    big_echoes=1,
    faults=1,
    linger_s=2,
    predict_rounds=2,
    predictions=8,
    crunch_rounds=2,
    crunches=8,
    imports=3,
)
"""Shows that everything runs; too few samples to quote."""
