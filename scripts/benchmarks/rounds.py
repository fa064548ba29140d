"""Rounds: contestants act in turn, again and again, so that all of them meet the same machine."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from benchmarks.host import ActFailedError

__all__ = ["Turns", "play_rounds"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Turns(Generic[T]):
    """What each contestant's turns came to, in the order of the rounds; who failed has no turns but a reason."""

    of: dict[str, list[T]] = field(default_factory=dict[str, "list[T]"])
    failed: dict[str, str] = field(default_factory=dict[str, str])


def play_rounds(
    names: Iterable[str],
    rounds: int,
    turn: Callable[[str], T],
    *,
    is_enough: Callable[[T], bool] = lambda _: False,
    seed: int = 0,
) -> Turns[T]:
    """Let each contestant take `rounds` turns, in an order drawn anew each round.

    One that fails drops out without a result; one whose turn `is_enough` takes no more turns.
    """
    playing = list(names)
    draw = random.Random(seed)
    turns: Turns[T] = Turns({name: [] for name in playing})
    for _ in range(rounds):
        draw.shuffle(playing)
        for name in tuple(playing):
            try:
                outcome = turn(name)
            except ActFailedError as error:
                turns.failed[name] = str(error)
                del turns.of[name]
                playing.remove(name)
                continue
            turns.of[name].append(outcome)
            if is_enough(outcome):
                playing.remove(name)
    return turns
