"""The pool: each call is in one place at a time, in turn, within the limits; against a model of a few lines."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from dspash.bridge.call import Call, CallOptions, Standing
from dspash.bridge.pool import Pool
from dspash.errors import OverloadedError
from tests.leaks import wait_until

BOUND_S = 10.0


@dataclass(eq=False)
class Slot:
    """A worker, as far as the pool is concerned."""

    child_id: str
    busy: int = 0
    calls: list[Call] = field(default_factory=list)


def make_call(
    standing: Standing = Standing.ORDINARY, *, sticky: str | None = None, timeout_s: float = 60.0
) -> Call:
    return Call("forward", {}, CallOptions(timeout_s, sticky=sticky), standing)


def make_pool(*workers: Slot, concurrency: int = 2, max_queue: int = 4) -> Pool[Slot]:
    pool: Pool[Slot] = Pool(concurrency=concurrency, max_queue=max_queue)
    pool.expect(worker.child_id for worker in workers)
    for worker in workers:
        pool.add(worker)
    return pool


def in_thread(step: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=step, daemon=True)
    thread.start()
    return thread


def wait_for_waiter(pool: Pool[Slot]) -> None:
    wait_until(lambda: pool._wanting_place, "somebody to wait for a place")


def test_a_call_goes_to_the_least_busy_worker() -> None:
    one, two = Slot("a"), Slot("b")
    pool = make_pool(one, two)
    assert [pool.admit(make_call()) for _ in range(4)] == [one, two, one, two]


def test_calls_wait_in_the_order_of_their_coming() -> None:
    worker = Slot("a")
    pool = make_pool(worker, concurrency=1)
    pool.admit(make_call())
    waiting = [make_call() for _ in range(3)]
    assert [pool.admit(call) for call in waiting] == [None] * 3
    assert [pool.release(worker) for _ in range(3)] == waiting
    assert pool.release(worker) is None
    assert worker.busy == 0


def test_a_full_queue_refuses_and_says_how_full_it_is() -> None:
    pool = make_pool(concurrency=1, max_queue=2)
    pool.admit(make_call())
    pool.admit(make_call())
    with pytest.raises(OverloadedError) as refused:
        pool.admit(make_call())
    assert (refused.value.queued, refused.value.limit) == (2, 2)


def test_a_call_on_behalf_of_another_is_never_refused_nor_kept_from_a_worker() -> None:
    worker = Slot("a")
    pool = make_pool(worker, concurrency=1, max_queue=0)
    pool.admit(make_call())
    assert pool.admit(make_call(Standing.NESTED)) is worker
    pool.remove(worker)
    nested = make_call(Standing.NESTED)
    assert pool.admit(nested) is None
    pool.add(worker)
    assert pool.next_for(worker) is nested


def test_calls_that_need_no_slot_do_not_wait_behind_those_that_do() -> None:
    worker = Slot("a")
    pool = make_pool(concurrency=1)
    pool.expect(["a"])
    ordinary, aside, nested = make_call(), make_call(Standing.ASIDE), make_call(Standing.NESTED)
    for call in (ordinary, make_call(), aside, nested):
        assert pool.admit(call) is None
    pool.add(worker)
    assert [pool.next_for(worker) for _ in range(4)] == [aside, nested, None, None]


def test_small_commands_are_bounded_too() -> None:
    worker = Slot("a")
    pool = make_pool(worker, concurrency=1, max_queue=2)
    assert [pool.admit(make_call(Standing.ASIDE)) for _ in range(3)] == [worker] * 3
    assert [pool.admit(make_call(Standing.ASIDE)) for _ in range(2)] == [None] * 2
    with pytest.raises(OverloadedError):
        pool.admit(make_call(Standing.ASIDE))


def test_a_sticky_key_has_one_home_and_waits_for_it() -> None:
    workers = [Slot("a"), Slot("b"), Slot("c")]
    pool = make_pool(*workers, concurrency=1, max_queue=100)
    homes = {key: pool.admit(make_call(sticky=key)) for key in ("ada", "bob", "eve", "joe", "sue")}
    taken = [worker for worker in homes.values() if worker is not None]
    assert len(taken) == len(set(taken))
    for worker in workers:
        worker.busy = 0
    again = {key: pool._ready[pool._home_of(key)] for key in homes}
    assert all(homes[key] in (None, home) for key, home in again.items())


def test_a_waiting_sticky_call_lets_others_past_and_goes_to_its_home_only() -> None:
    one, two = Slot("a"), Slot("b")
    pool = make_pool(one, two, concurrency=1)
    key = next(key for key in map(str, range(100)) if pool._home_of(key) == "a")
    one.busy = two.busy = 1
    sticky, other = make_call(sticky=key), make_call()
    assert pool.admit(sticky) is pool.admit(other) is None
    assert pool.release(two) is other
    assert pool.release(one) is sticky


def test_a_key_keeps_its_home_when_another_child_goes() -> None:
    pool = make_pool(Slot("a"), Slot("b"), Slot("c"))
    keys = [str(number) for number in range(200)]
    before = {key: pool._home_of(key) for key in keys}
    pool.expect(["a", "b"])
    assert {pool._home_of(key) for key in keys} == {"a", "b"}
    assert all(pool._home_of(key) == home for key, home in before.items() if home != "c")


def test_a_worker_that_was_replaced_gets_nothing_any_more() -> None:
    old, new = Slot("a"), Slot("a")
    pool = make_pool(old, concurrency=1)
    pool.admit(make_call())
    waiting = make_call()
    pool.admit(waiting)
    pool.add(new)
    assert pool.release(old) is None
    pool.remove(old)  # its farewell comes late, and is not the new one's
    assert pool.next_for(new) is waiting


def test_a_call_that_could_not_be_sent_is_first_in_line_again() -> None:
    worker = Slot("a")
    pool = make_pool(worker, concurrency=1)
    call = make_call()
    assert pool.admit(call) is worker
    pool.admit(make_call())
    pool.put_back(call, worker)
    assert worker.busy == 0
    assert pool.next_for(worker) is call


@pytest.mark.parametrize("max_queue", [0, 1, 4])
def test_whoever_waits_for_a_place_gets_it_when_a_slot_becomes_free(max_queue: int) -> None:
    worker = Slot("a")
    pool = make_pool(worker, concurrency=1, max_queue=max_queue)
    for _ in range(1 + max_queue):
        pool.admit(make_call())
    found: list[bool] = []
    thread = in_thread(lambda: found.append(pool.wait_for_place(make_call())))
    wait_for_waiter(pool)
    for _ in range(1 + max_queue):
        pool.release(worker)
    thread.join(BOUND_S)
    assert found == [True]


def test_waiting_for_a_place_ends_at_the_deadline() -> None:
    pool = make_pool(max_queue=0)
    assert pool.wait_for_place(make_call(timeout_s=0.01)) is False


@pytest.mark.parametrize("release", ["close", "add"])
def test_waiting_for_a_place_ends_when_the_pool_closes_or_a_worker_comes(release: str) -> None:
    pool = make_pool(max_queue=0)
    found: list[bool] = []
    thread = in_thread(lambda: found.append(pool.wait_for_place(make_call())))
    wait_for_waiter(pool)
    if release == "close":
        pool.close()
    else:
        pool.add(Slot("a"))
    thread.join(BOUND_S)
    assert found == [True]
    assert pool.wait_for_place(make_call())


class PoolMachine(RuleBasedStateMachine):
    """Calls come, run, end, are cancelled; workers come and go. Every accepted call ends exactly once.

    The model: a list of those that wait, and the calls of each worker.
    """

    calls = Bundle("calls")
    workers = Bundle("workers")

    def __init__(self) -> None:
        super().__init__()
        self.concurrency, self.max_queue = 2, 3
        self.pool: Pool[Slot] = Pool(concurrency=self.concurrency, max_queue=self.max_queue)
        self.pool.expect(["a", "b", "c"])
        self.alive: list[Slot] = []
        self.ready: dict[str, Slot] = {}
        self.waiting: list[Call] = []
        self.accepted: list[Call] = []
        self.outcomes: dict[Call, int] = {}

    # --- what the bridge does with the pool's decisions ---

    def give(self, worker: Slot, call: Call) -> None:
        assert call not in self.waiting
        assert call.options.sticky is None or self.pool._home_of(call.options.sticky) == worker.child_id
        if call.has_ended:
            self.free(worker)
        else:
            worker.calls.append(call)

    def free(self, worker: Slot) -> None:
        following = self.pool.release(worker)
        if following is not None:
            self.waiting.remove(following)
            self.give(worker, following)

    def serve(self, worker: Slot) -> None:
        while (call := self.pool.next_for(worker)) is not None:
            self.waiting.remove(call)
            self.give(worker, call)

    def end(self, call: Call, how: Callable[[Call], bool]) -> None:
        if how(call):
            self.outcomes[call] = self.outcomes.get(call, 0) + 1

    # --- what happens ---

    @rule(
        target=calls,
        standing=st.sampled_from(Standing),
        sticky=st.none() | st.sampled_from(["ada", "bob", "eve"]),
    )
    def submit(self, standing: Standing, sticky: str | None) -> Call:
        call = make_call(standing, sticky=sticky)
        try:
            worker = self.pool.admit(call)
        except OverloadedError:
            assert len(self.waiting) >= self.max_queue
            assert standing is not Standing.NESTED
            call.fail(RuntimeError("refused"))
            return call
        self.accepted.append(call)
        if worker is None:
            self.waiting.append(call)
        else:
            self.give(worker, call)
        return call

    @rule(target=workers, child_id=st.sampled_from("abc"))
    def worker_comes(self, child_id: str) -> Slot:
        worker = Slot(child_id)
        self.alive.append(worker)
        self.ready[child_id] = worker
        self.pool.add(worker)
        self.serve(worker)
        return worker

    @rule(worker=workers)
    def worker_retires(self, worker: Slot) -> None:
        self.pool.remove(worker)
        if self.ready.get(worker.child_id) is worker:
            del self.ready[worker.child_id]

    @rule(worker=consumes(workers))
    def worker_dies(self, worker: Slot) -> None:
        self.worker_retires(worker)
        for call in worker.calls:
            self.end(call, lambda call: call.fail(RuntimeError("lost")))
        worker.calls.clear()
        self.alive.remove(worker)

    @rule(worker=workers, which=st.integers(0, 10))
    def worker_replies(self, worker: Slot, which: int) -> None:
        if worker in self.alive and worker.calls:
            call = worker.calls.pop(which % len(worker.calls))
            self.end(call, lambda call: call.succeed("done"))
            self.free(worker)

    @rule(call=calls)
    def caller_cancels(self, call: Call) -> None:
        if not call.has_ended:
            self.end(call, lambda call: call.cancel("no interest"))
            was_waiting = self.pool.forget(call)
            assert was_waiting is (call in self.waiting)
            if was_waiting:
                self.waiting.remove(call)

    @rule(worker=workers)
    def sending_fails(self, worker: Slot) -> None:
        """The last call it was given could not be written: the worker is out, the call waits again."""
        if worker in self.alive and worker.calls and not worker.calls[-1].has_ended:
            call = worker.calls.pop()
            self.worker_retires(worker)
            self.pool.put_back(call, worker)
            self.waiting.insert(0, call)
            for other in list(self.ready.values()):
                self.serve(other)

    @precondition(lambda self: self.accepted)
    @rule()
    def all_goes_well_for_a_while(self) -> None:
        """With every child there and everything answered, nothing is left waiting."""
        for child_id in "abc":
            self.worker_comes(child_id)
        for worker in [*self.alive]:
            while worker.calls:
                self.worker_replies(worker, 0)
        assert self.waiting == []
        assert all(call.has_ended for call in self.accepted)

    # --- what always holds ---

    @invariant()
    def each_open_call_is_in_exactly_one_place(self) -> None:
        for call in self.accepted:
            places = (call in self.waiting) + sum(call in worker.calls for worker in self.alive)
            assert places == (0 if call.has_ended and call not in self.running() else 1)
            assert self.outcomes.get(call, 0) == call.has_ended

    def running(self) -> list[Call]:
        return [call for worker in self.alive for call in worker.calls]

    @invariant()
    def slots_are_counted(self) -> None:
        for worker in self.alive:
            assert worker.busy == len(worker.calls)
            needing = sum(call.standing is Standing.ORDINARY for call in worker.calls)
            assert needing <= self.concurrency

    @invariant()
    def nobody_waits_beside_a_free_slot(self) -> None:
        assert self.pool.queued == len(self.waiting)
        for worker in self.ready.values():
            for call in self.waiting:
                at_home = (
                    call.options.sticky is None or self.pool._home_of(call.options.sticky) == worker.child_id
                )
                assert not (at_home and worker.busy < self.concurrency)


PoolMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
test_every_accepted_call_ends_exactly_once = PoolMachine.TestCase
