"""The mailbox, the deadlines and the elastic threads: everything in order, on time, and ended when asked."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest

from dspash.bridge.call import Call, CallOptions, is_delivering
from dspash.bridge.deadlines import Deadlines
from dspash.bridge.elastic import ElasticThreads
from dspash.bridge.mailbox import Mailbox
from tests.leaks import wait_until

BOUND_S = 10.0


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    mailbox = Mailbox("test-mailbox")
    yield mailbox
    mailbox.close()
    mailbox.join()


def fail() -> NoReturn:
    raise RuntimeError("a defect")


def both(*steps: Callable[[], object]) -> Callable[[], None]:
    """One job of several steps."""

    def job() -> None:
        for step in steps:
            step()

    return job


def after_all(mailbox: Mailbox) -> None:
    """Wait until the mailbox has done what it was sent before."""
    done = threading.Event()
    mailbox.cast(done.set)
    assert done.wait(BOUND_S)


# --- mailbox ---


def test_jobs_run_in_order_on_one_thread_whoever_sends_them(mailbox: Mailbox) -> None:
    ran: list[tuple[int, int]] = []
    idents: set[int] = set()

    def job(sender: int, number: int) -> Callable[[], None]:
        def run() -> None:
            ran.append((sender, number))
            idents.add(threading.get_ident())

        return run

    def send(sender: int) -> None:
        for number in range(200):
            mailbox.cast(job(sender, number))

    senders = [threading.Thread(target=send, args=(sender,), daemon=True) for sender in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(BOUND_S)
    after_all(mailbox)
    assert len(idents) == 1
    for sender in range(4):
        assert [number for who, number in ran if who == sender] == list(range(200))


def test_timed_jobs_run_when_due_in_the_order_of_their_times(mailbox: Mailbox) -> None:
    ran: list[str] = []
    done = threading.Event()
    now = time.monotonic()
    mailbox.cast_at(now + 0.03, both(lambda: ran.append("last"), done.set))
    mailbox.cast_at(now + 0.02, lambda: ran.append("second"))
    mailbox.cast_at(now - 1.0, lambda: ran.append("overdue"))
    mailbox.cast_at(math.inf, fail)
    assert done.wait(BOUND_S)
    assert time.monotonic() >= now + 0.03
    assert ran == ["overdue", "second", "last"]


def test_a_job_that_fails_does_not_end_the_mailbox(mailbox: Mailbox) -> None:
    mailbox.cast(fail)
    after_all(mailbox)


def test_a_mailbox_does_what_it_was_sent_before_it_ends_and_nothing_after(mailbox: Mailbox) -> None:
    ran: list[str] = []
    going = threading.Event()
    mailbox.cast(both(lambda: going.wait(BOUND_S)))
    mailbox.cast(lambda: ran.append("before"))
    mailbox.cast_after(0.0, lambda: ran.append("timed"))
    mailbox.close()
    mailbox.cast(lambda: ran.append("after"))
    going.set()
    mailbox.join()
    assert ran == ["before"]


def test_waiting_for_calls_is_refused_on_the_mailbox(mailbox: Mailbox) -> None:
    seen: list[bool] = []
    mailbox.cast(lambda: seen.append(is_delivering()))
    after_all(mailbox)
    assert seen == [True]


# --- deadlines ---


def make_call(timeout_s: float) -> Call:
    return Call("forward", {}, CallOptions(timeout_s))


@pytest.fixture
def deadlines(mailbox: Mailbox) -> Deadlines:
    return Deadlines(mailbox, Call.time_out)


def watched(deadlines: Deadlines, timeout_s: float) -> Call:
    call = make_call(timeout_s)
    call.on_end = deadlines.discard
    deadlines.add(call)
    return call


def test_calls_end_when_they_are_due_whatever_the_order_they_came_in(deadlines: Deadlines) -> None:
    ended: list[float] = []
    calls = {timeout_s: watched(deadlines, timeout_s) for timeout_s in (60.0, 0.03, math.inf, 0.01, 0.02)}
    for timeout_s, call in calls.items():
        call.future.add_done_callback(lambda _future, timeout_s=timeout_s: ended.append(timeout_s))
    wait_until(lambda: len(ended) == 3, "three calls to be due")
    assert ended == [0.01, 0.02, 0.03]
    assert len(deadlines) == 2
    late = watched(deadlines, 0.001)
    assert isinstance(late.future.exception(BOUND_S), Exception)


def test_a_call_that_ended_before_it_was_watched_is_not_kept(deadlines: Deadlines) -> None:
    call = make_call(60.0)
    call.succeed(1)
    deadlines.add(call)
    assert len(deadlines) == 0


def test_ten_thousand_calls_that_end_in_time_leave_one_timer(mailbox: Mailbox, deadlines: Deadlines) -> None:
    for _ in range(10_000):
        watched(deadlines, 60.0).succeed(1)
    assert len(deadlines) == 0
    assert len(mailbox._timed) == 1


def test_timers_do_not_multiply(mailbox: Mailbox, deadlines: Deadlines) -> None:
    calls = [watched(deadlines, timeout_s) for timeout_s in (0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.001)]
    for call in calls:
        call.future.exception(BOUND_S)
    watched(deadlines, 86_400.0)
    after_all(mailbox)
    wait_until(lambda: len(mailbox._timed) <= 2, "spent timers to pass")
    assert mailbox._timed[0][0] < time.monotonic() + 61  # and none of them outlives its calls by a day


def test_all_that_is_open_can_be_taken_at_once(deadlines: Deadlines) -> None:
    calls = [watched(deadlines, 60.0) for _ in range(3)]
    calls[1].succeed(1)
    assert deadlines.drain() == [calls[0], calls[2]]
    assert len(deadlines) == 0


# --- elastic threads ---


@pytest.fixture
def threads() -> Iterator[ElasticThreads]:
    threads = ElasticThreads("test-elastic", limit=8, idle_s=0.05)
    yield threads
    threads.close()


def test_no_job_waits_for_another_up_to_the_limit(threads: ElasticThreads) -> None:
    go_on = threading.Event()
    met = threading.Barrier(9)
    for _ in range(8):
        assert threads.start(both(lambda: met.wait(BOUND_S), lambda: go_on.wait(BOUND_S)))
    assert not threads.start(fail)
    met.wait(BOUND_S)
    go_on.set()
    wait_until(lambda: threads.start(lambda: None), "a thread to be free again")


def test_threads_can_be_kept_for_others(threads: ElasticThreads) -> None:
    go_on = threading.Event()

    def stay() -> None:
        go_on.wait(BOUND_S)

    for _ in range(5):
        assert threads.start(stay, keep_free=3)
    assert not threads.start(fail, keep_free=3)
    assert threads.start(stay)
    go_on.set()
    wait_until(lambda: threads._idle == len(threads._threads), "the threads to be idle")
    assert threads.start(lambda: None, keep_free=3)


def test_an_idle_thread_takes_the_next_job_and_ends_when_there_is_none_for_long(
    threads: ElasticThreads,
) -> None:
    idents: list[int] = []
    done = threading.Semaphore(0)

    def job() -> None:
        idents.append(threading.get_ident())
        done.release()

    for _ in range(20):
        wait_until(lambda: threads._idle == len(threads._threads), "the thread to be idle")
        assert threads.start(job)
        assert done.acquire(timeout=BOUND_S)
    assert len(set(idents)) < 20
    wait_until(lambda: not threads._threads, "idle threads to end")


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_job_that_raises_anything_leaves_its_thread_usable(
    threads: ElasticThreads, error: type[BaseException]
) -> None:
    def job() -> None:
        raise error

    done = threading.Event()
    assert threads.start(job)
    wait_until(lambda: threads._idle == 1, "the thread to be idle")
    assert threads.start(done.set)
    assert done.wait(BOUND_S)
    assert len(threads._threads) == 1


def test_when_the_system_has_no_more_threads_the_answer_is_no(
    threads: ElasticThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert not threads.start(fail)
    assert not threads._threads
    assert threads.start(lambda: None)


def test_closing_ends_idle_threads_and_does_not_wait_for_stuck_ones() -> None:
    threads = ElasticThreads("test-stuck")
    go_on = threading.Event()
    started = threading.Event()
    threads.start(both(started.set, lambda: go_on.wait(BOUND_S)))
    assert started.wait(BOUND_S)
    threads.close(timeout_s=0.01)
    assert not threads.start(fail)
    go_on.set()
    wait_until(lambda: not threads._threads, "the stuck thread to end")


def test_a_job_may_close_the_threads_it_runs_on() -> None:
    threads = ElasticThreads("test-own-close")
    done = threading.Event()
    threads.start(both(threads.close, done.set))
    assert done.wait(BOUND_S)
