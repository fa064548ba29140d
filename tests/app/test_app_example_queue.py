"""What a failed call costs: decided without a worker, a clock or a call."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dspash
from dspash.app.example_queue import ExampleQueue, Portion, split_evenly
from dspash.supervision.exit_reason import Signalled
from dspash_protocol import Progress


def _lost() -> dspash.WorkerLostError:
    return dspash.WorkerLostError(
        generation=1, exit=Signalled(9), progress=Progress.SIDE_EFFECTS, stderr_tail=""
    )


def _late(progress: Progress = Progress.STARTED) -> dspash.CallTimeoutError:
    return dspash.CallTimeoutError(timeout_s=1.0, progress=progress)


def _queue(count: int, *, among: int = 2, most: int = 4, is_shared: bool = True) -> ExampleQueue:
    return ExampleQueue.of(range(count), among=among, most=most, is_shared=is_shared)


def _taken(queue: ExampleQueue) -> Portion:
    portion = queue.take()
    assert portion is not None
    return portion


@given(st.integers(0, 200), st.integers(1, 40), st.integers(1, 16))
def test_every_example_is_in_one_chunk(count: int, among: int, most: int) -> None:
    chunks = split_evenly(count, among=among, most=most)
    assert [place for chunk in chunks for place in chunk] == list(range(count))
    assert all(1 <= len(chunk) <= most for chunk in chunks)
    assert count < among or len(chunks) >= among / 2


@settings(max_examples=60)
@given(
    count=st.integers(1, 30),
    among=st.integers(1, 4),
    most=st.integers(1, 5),
    is_shared=st.booleans(),
    killers=st.sets(st.integers(0, 29)),
    order=st.randoms(use_true_random=False),
)
def test_only_those_that_kill_their_worker_fail(
    *, count: int, among: int, most: int, is_shared: bool, killers: set[int], order: Random
) -> None:
    queue = ExampleQueue.of(range(count), among=among, most=most, is_shared=is_shared)
    running: list[Portion] = []
    succeeded: list[int] = []
    failed: list[int] = []
    while not queue.has_ended:
        while (portion := queue.take()) is not None:
            running.append(portion)
        assert 1 <= len(running) <= among
        ending = running.pop(order.randrange(len(running)))
        dying = [ending] if killers.intersection(ending.places) else []
        if dying and is_shared:  # everything beside it has the same worker
            dying, running = [ending, *running], []
        if not dying:
            queue.succeeded()
            succeeded += ending.places
        for portion in dying:
            if queue.failed(portion, _lost(), has_own_time=False):
                failed += portion.places
    assert sorted(failed) == sorted(killers.intersection(range(count)))
    assert sorted(succeeded + failed) == list(range(count))


def test_suspects_run_when_nothing_else_does() -> None:
    queue = _queue(8, among=2)
    first, second = _taken(queue), _taken(queue)
    assert queue.take() is None
    assert not queue.failed(first, _lost(), has_own_time=False)
    assert queue.take() is None
    queue.succeeded()
    suspect = _taken(queue)
    assert (suspect.places, second.places) == ((0,), (4, 5, 6, 7))
    assert queue.take() is None


def test_one_that_has_a_worker_to_itself_is_to_blame_at_once() -> None:
    queue = _queue(2, among=2, is_shared=False)
    first, _ = _taken(queue), _taken(queue)
    assert queue.failed(first, _lost(), has_own_time=False)


def test_an_example_whose_time_is_up_has_failed_and_one_that_waited_has_not() -> None:
    queue = _queue(1, most=1)
    assert not queue.failed(_taken(queue), _late(Progress.NOT_SENT), has_own_time=True)
    assert queue.failed(_taken(queue), _late(), has_own_time=True)
    assert queue.has_ended


@pytest.mark.parametrize(("error", "has_own_time"), [(_late(), False), (dspash.ClosedError("app"), True)])
def test_what_is_no_examples_fault_is_raised(error: dspash.DspashError, *, has_own_time: bool) -> None:
    queue = _queue(1)
    portion = _taken(queue)
    with pytest.raises(type(error)):
        queue.failed(portion, error, has_own_time=has_own_time)
