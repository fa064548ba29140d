"""The call threads: every item is served once, and begun in the order of its arrival."""

from __future__ import annotations

import threading
from queue import SimpleQueue

import pytest

from dspash_worker.threads import CallThreads

BOUND_S = 10.0


@pytest.mark.parametrize("count", [1, 3, 8])
def test_every_item_is_served_once(count: int) -> None:
    served: SimpleQueue[int] = SimpleQueue()
    threads = CallThreads(count, served.put)
    submitters = [
        threading.Thread(target=lambda first=first: [threads.submit(first + n) for n in range(1000)])
        for first in range(0, 4000, 1000)
    ]
    for submitter in submitters:
        submitter.start()
    assert sorted(served.get(timeout=BOUND_S) for _ in range(4000)) == list(range(4000))
    assert served.empty()


def test_items_that_wait_are_begun_in_the_order_of_their_arrival() -> None:
    begun: SimpleQueue[int] = SimpleQueue()
    gates = [threading.Event() for _ in range(2)]

    def serve(item: int) -> None:
        if item < 0:
            assert gates[item].wait(BOUND_S)
        begun.put(item)

    threads = CallThreads(2, serve)
    threads.submit(-1)
    threads.submit(-2)
    for number in range(100):
        threads.submit(number)
    gates[-1].set()
    assert [begun.get(timeout=BOUND_S) for _ in range(101)] == [-1, *range(100)]
    gates[-2].set()
    assert begun.get(timeout=BOUND_S) == -2


def test_as_many_items_run_at_once_as_there_are_threads() -> None:
    together = threading.Barrier(5)

    def serve(_item: int) -> None:
        together.wait(BOUND_S)

    threads = CallThreads(4, serve)
    for item in range(4):
        threads.submit(item)
    assert together.wait(BOUND_S) in range(5)
