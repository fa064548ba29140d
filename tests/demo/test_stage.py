"""Stages: they count their own LM calls and their own time, until they end."""

from __future__ import annotations

from dspash.demo.stage import Stage


class World:
    """A clock and a count of LM calls that only move when told to."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.calls = 40

    def stage(self) -> Stage:
        return Stage("evaluate", lambda: self.calls, clock=lambda: self.now_s)

    def move(self, *, calls: int, seconds: float) -> None:
        self.calls += calls
        self.now_s += seconds


def test_only_what_happens_during_a_stage_is_counted() -> None:
    world = World()
    stage = world.stage()
    world.move(calls=7, seconds=1.5)

    assert (stage.lm_calls, stage.elapsed_s) == (7, 1.5)


def test_an_ended_stage_counts_no_further() -> None:
    world = World()
    stage = world.stage()
    world.move(calls=7, seconds=1.5)
    stage.end()
    world.move(calls=100, seconds=60)

    assert stage.ended
    assert (stage.lm_calls, stage.elapsed_s) == (7, 1.5)


def test_a_score_stays_until_there_is_a_newer_one() -> None:
    stage = World().stage()
    stage.advance(1, 10, 0.25)
    stage.advance(2, 10)

    assert (stage.done, stage.total, stage.score) == (2, 10, 0.25)
