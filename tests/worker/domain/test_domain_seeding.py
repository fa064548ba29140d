"""An optimisation's random numbers depend on its seed, and on nothing that runs beside it."""

from __future__ import annotations

import random
import threading
from importlib import import_module
from typing import Any

from dspash_worker.seeding import seeded

BOUND_S = 10.0
avatar: Any = import_module("dspy.teleprompt.avatar_optimizer")


def draws(count: int, turn: threading.Barrier | None = None) -> list[list[int]]:
    """What AvatarOptimizer draws, side by side with whoever shares `turn`."""
    drawn: list[list[int]] = []
    for _ in range(count):
        if turn is not None:
            turn.wait(BOUND_S)
        drawn.append(avatar.sample(range(1000), 3))
    return drawn


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    found: list[Any] = []
    for seed in (1, 1, 2):
        with seeded(seed):
            found.append(draws(5))
    assert found[0] == found[1] != found[2]


def test_optimisations_at_once_draw_what_each_draws_alone() -> None:
    alone: dict[int, Any] = {}
    for seed in (1, 2):
        with seeded(seed):
            alone[seed] = draws(20)
    together: dict[int, Any] = {}
    turn = threading.Barrier(2)

    def run(seed: int) -> None:
        with seeded(seed):
            together[seed] = draws(20, turn)

    threads = [threading.Thread(target=run, args=(seed,), daemon=True) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    assert together == alone


def test_the_generators_of_the_process_are_left_alone() -> None:
    before = random.getstate()
    with seeded(1):
        draws(5)
    assert random.getstate() == before


def test_outside_an_optimisation_the_process_draws_as_ever() -> None:
    with seeded(1):
        pass
    random.seed(7)
    expected = random.sample(range(1000), 3)
    random.seed(7)
    assert draws(1) == [expected]
