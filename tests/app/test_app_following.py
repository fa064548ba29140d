"""A following future ends once, as the one before it does, in its own words."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait

import pytest

from dspash.app.following import Following

BOUND_S = 10.0


class ToldError(Exception):
    """An error in other words."""


def following(
    first: Future[int], read: Callable[[int], int] = lambda value: 2 * value
) -> Following[int, int]:
    return Following(first, read, read_error=lambda error: ToldError(str(error)))


def test_a_result_is_read() -> None:
    first: Future[int] = Future()
    then = following(first)
    first.set_result(4)
    assert then.result(0) == 8
    assert following(first).result(0) == 8  # also when it was there before


@pytest.mark.parametrize("fails_at", ["the first", "reading"])
def test_an_error_is_told_in_other_words(fails_at: str) -> None:
    first: Future[int] = Future()

    def read(_value: int) -> int:
        raise ValueError("no number")

    then = following(first, read)
    if fails_at == "reading":
        first.set_result(1)
    else:
        first.set_exception(ValueError("no number"))
    with pytest.raises(ToldError, match="no number"):
        then.result(0)


def test_to_cancel_it_is_to_cancel_the_first() -> None:
    first: Future[int] = Future()
    then = following(first)
    told: list[bool] = []
    then.add_done_callback(lambda ended: told.append(ended.cancelled()))
    assert then.cancel()
    assert first.cancelled()
    assert told == [True]
    with pytest.raises(CancelledError):
        then.result(0)
    assert wait([then], timeout=0).done == {then}


def test_whoever_waits_for_it_hears_that_the_first_was_cancelled() -> None:
    first: Future[int] = Future()
    then = following(first)
    heard = threading.Event()
    waiting = threading.Thread(target=lambda: (wait([then], BOUND_S), heard.set()), daemon=True)
    waiting.start()
    first.cancel()
    assert heard.wait(BOUND_S)
    waiting.join(BOUND_S)
    assert then.cancelled()


def test_what_has_ended_cannot_be_cancelled() -> None:
    first: Future[int] = Future()
    then = following(first)
    first.set_result(1)
    assert not then.cancel()
    assert then.result(0) == 2
