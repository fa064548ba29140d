"""Timers: each is called once and in time, unless stopped, and those stopped take no room."""

from __future__ import annotations

import random
import threading
from queue import SimpleQueue

from dspash_worker.timers import Timers

BOUND_S = 10.0


def test_timers_are_called_in_the_order_they_are_due() -> None:
    timers = Timers()
    called: SimpleQueue[int] = SimpleQueue()
    delays = [5, 1, 4, 2, 3]
    for delay in delays:
        timers.after(delay / 100, lambda delay=delay: called.put(delay))
    assert [called.get(timeout=BOUND_S) for _ in delays] == sorted(delays)


def test_stopped_timer_is_never_called() -> None:
    timers = Timers()
    called: SimpleQueue[str] = SimpleQueue()
    stopped = timers.after(0.01, lambda: called.put("stopped"))
    stopped.stop()
    stopped.stop()
    timers.after(0.02, lambda: called.put("after it"))
    assert called.get(timeout=BOUND_S) == "after it"
    assert called.empty()
    assert repr(timers) == "<Timers waiting=0>"


def test_callback_that_fails_does_not_stop_the_others() -> None:
    timers = Timers()
    called = threading.Event()
    timers.after(0, lambda: {}["nothing"])
    timers.after(0.001, called.set)
    assert called.wait(BOUND_S)


def test_stopped_timers_are_swept_out_long_before_they_are_due() -> None:
    timers = Timers()
    for _ in range(20_000):
        timers.after(3600, lambda: None).stop()
    assert len(timers._heap) < 2000
    assert repr(timers) == "<Timers waiting=0>"


def test_many_timers_stopped_and_due_from_many_threads_end_once_each() -> None:
    timers = Timers()
    called: SimpleQueue[int] = SimpleQueue()
    ended = threading.Barrier(5)

    def one(seed: int) -> None:
        rng = random.Random(seed)
        for number in range(500):
            timer = timers.after(rng.random() / 50, lambda number=number: called.put(seed * 1000 + number))
            if rng.random() < 0.5:
                timer.stop()
                called.put(-1)
        ended.wait(BOUND_S)

    for seed in range(4):
        threading.Thread(target=one, args=(seed,)).start()
    ended.wait(BOUND_S)
    last: SimpleQueue[None] = SimpleQueue()
    timers.after(0.05, lambda: last.put(None))
    last.get(timeout=BOUND_S)
    numbers = [called.get_nowait() for _ in range(called.qsize())]
    fired = [number for number in numbers if number >= 0]
    assert len(fired) == len(set(fired))
    assert len(numbers) >= 2000  # a timer may be called in the moment it is stopped, none may be neither
    assert timers.after(0, lambda: None)
