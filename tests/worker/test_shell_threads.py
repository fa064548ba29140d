"""The call threads: every item is served once, and begun in the order of its arrival."""

from __future__ import annotations

import threading
from queue import SimpleQueue

import pytest

from dspash_worker.threads import CallThreads
from tests.leaks import wait_until

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


def test_an_item_that_waits_for_the_host_lends_its_slot_however_deep_they_nest() -> None:
    depth = 40
    done: SimpleQueue[int] = SimpleQueue()
    answered = [threading.Event() for _ in range(depth + 1)]

    def serve(level: int) -> None:
        if level < depth:
            threads.lend()
            threads.submit(level + 1)  # what the host's tool asks of this very worker
            assert answered[level + 1].wait(BOUND_S)
            threads.take_back()
        answered[level].set()
        done.put(level)

    threads = CallThreads(1, serve)
    threads.submit(0)
    assert [done.get(timeout=BOUND_S) for _ in range(depth + 1)] == list(range(depth, -1, -1))


def test_no_more_items_run_than_there_are_slots_and_loans() -> None:
    running: SimpleQueue[str] = SimpleQueue()
    go_on = {name: threading.Event() for name in ("lender", "guest", "third")}

    def serve(name: str) -> None:
        if name == "lender":
            threads.lend()
        running.put(name)
        assert go_on[name].wait(BOUND_S)
        if name == "lender":
            threads.take_back()
            running.put("lender again")
            assert go_on["third"].wait(BOUND_S)

    threads = CallThreads(1, serve)
    for name in go_on:
        threads.submit(name)
    assert {running.get(timeout=BOUND_S) for _ in range(2)} == {"lender", "guest"}
    assert running.empty()  # the third has to wait: one slot, one loan
    go_on["lender"].set()
    assert running.get(timeout=BOUND_S) == "lender again"
    go_on["guest"].set()  # its slot is the lender's, which is back
    wait_until_running(threads, 1)
    assert running.empty()
    go_on["third"].set()
    assert running.get(timeout=BOUND_S) == "third"


def test_threads_that_were_only_lent_end_when_there_is_nothing_to_do() -> None:
    before = threading.active_count()
    go_on, inside = threading.Event(), threading.Barrier(7)

    def serve(_item: int) -> None:
        threads.lend()
        inside.wait(BOUND_S)
        assert go_on.wait(BOUND_S)
        threads.take_back()

    threads = CallThreads(2, serve)
    for item in range(6):
        threads.submit(item)
    inside.wait(BOUND_S)
    assert threading.active_count() == before + 6
    go_on.set()
    wait_until(lambda: threading.active_count() <= before + 2, "the threads beyond the count to end")


def wait_until_running(threads: CallThreads[str], count: int) -> None:
    wait_until(lambda: threads._running == count, f"{count} items to run")
