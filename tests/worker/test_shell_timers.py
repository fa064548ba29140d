"""Timers: each is called once and in time; of deadlines, those of calls that have ended are not."""

from __future__ import annotations

import random
import threading
from queue import SimpleQueue
from typing import Any, cast

from dspash_worker.deadlines import Deadlines
from dspash_worker.timers import Timers

BOUND_S = 10.0


def test_timers_are_called_in_the_order_they_are_due() -> None:
    clock = [0.0]  # stands until all are set: on a busy machine that may take longer than they lie apart
    timers = Timers(now=lambda: clock[0])
    called: SimpleQueue[int] = SimpleQueue()
    delays = [5, 1, 4, 2, 3]
    for delay in delays:
        timers.after(delay / 100, lambda delay=delay: called.put(delay))
    clock[0] = 1.0
    assert [called.get(timeout=BOUND_S) for _ in delays] == sorted(delays)


def test_callback_that_fails_does_not_stop_the_others() -> None:
    timers = Timers()
    called = threading.Event()
    timers.after(0, lambda: {}["nothing"])
    timers.after(0.001, called.set)
    assert called.wait(BOUND_S)


def test_many_timers_of_many_threads_are_called_once_each() -> None:
    timers = Timers()
    called: SimpleQueue[int] = SimpleQueue()

    def one(seed: int) -> None:
        rng = random.Random(seed)
        for number in range(500):
            timers.after(rng.random() / 50, lambda number=number: called.put(seed * 1000 + number))

    threads = [threading.Thread(target=one, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    fired = [called.get(timeout=BOUND_S) for _ in range(2000)]
    assert len(set(fired)) == len(fired)
    assert called.empty()


class FakeCall:
    def __init__(self, id: int) -> None:
        self.id = id


class FakeTimers:
    """Keeps what is to be called, and a clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waiting: list[tuple[float, Any]] = []

    def after(self, seconds: float, callback: Any) -> None:
        self.waiting.append((self.now + seconds, callback))

    def move_to(self, now: float) -> None:
        """Let everything be called that is due by then."""
        while due := sorted((entry for entry in self.waiting if entry[0] <= now), key=lambda entry: entry[0]):
            entry = due[0]
            self.waiting.remove(entry)
            self.now = max(self.now, entry[0])
            entry[1]()
        self.now = now


class Scene:
    """Deadlines on a clock of the test's own."""

    def __init__(self) -> None:
        self.timers = FakeTimers()
        self.due: list[int] = []
        self.deadlines = Deadlines(
            cast("Timers", self.timers), lambda call: self.due.append(call.id), now=lambda: self.timers.now
        )

    def add(self, id: int, after_s: float) -> Any:
        call: Any = FakeCall(id)
        self.deadlines.add(call, self.timers.now + after_s)
        return call


def test_calls_that_are_due_are_told_in_time_and_once() -> None:
    scene = Scene()
    for number, after_s in ((1, 5.0), (2, 0.5), (3, 2.0)):
        scene.add(number, after_s)
    scene.timers.move_to(1000.4)
    assert scene.due == []
    scene.timers.move_to(1000.5)
    assert scene.due == [2]
    scene.timers.move_to(1600.0)
    assert scene.due == [2, 3, 1]
    assert len(scene.deadlines) == 0


def test_a_call_that_has_ended_is_not_told_of() -> None:
    scene = Scene()
    ended = scene.add(1, 1.0)
    scene.add(2, 1.0)
    scene.deadlines.discard(ended)
    scene.deadlines.discard(ended)
    scene.timers.move_to(1100.0)
    assert scene.due == [2]


def test_calls_that_end_in_time_cost_no_timer_each() -> None:
    scene = Scene()
    for number in range(20_000):
        scene.deadlines.discard(scene.add(number, 120.0))
    assert len(scene.timers.waiting) == 1
    scene.timers.move_to(2000.0)
    assert (scene.due, scene.timers.waiting, len(scene.deadlines)) == ([], [], 0)


def test_a_deadline_that_comes_while_none_is_planned_is_kept() -> None:
    scene = Scene()
    scene.deadlines.discard(scene.add(1, 1.0))
    scene.timers.move_to(1010.0)
    scene.add(2, 0.0)
    scene.timers.move_to(1010.1)
    assert scene.due == [2]


def test_a_deadline_far_away_is_looked_at_now_and_then() -> None:
    scene = Scene()
    scene.add(1, 1e9)
    scene.timers.move_to(5000.0)
    assert scene.due == []
    assert len(scene.timers.waiting) == 1
