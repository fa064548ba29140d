"""Spinning is given up as fast as it fails, and taken up again when it pays."""

from __future__ import annotations

from dspash_protocol.spinning import ELSEWHERE_S, Spinning

LIMIT_S = 10 * ELSEWHERE_S
LOOK_S = ELSEWHERE_S / 8


def waits_until_tried(spinning: Spinning) -> int:
    waits = 0
    while not spinning.begin(0.0):
        waits += 1
    return waits


def test_it_is_tried_at_first_and_as_long_as_it_pays_off() -> None:
    spinning = Spinning(LIMIT_S)
    for _ in range(10):
        assert waits_until_tried(spinning) == 0
        spinning.end(paid_off=True)


def test_each_loss_doubles_the_waits_that_are_sat_out_up_to_a_bound() -> None:
    spinning = Spinning(LIMIT_S)
    sat_out = []
    for _ in range(5):
        spinning.end(paid_off=False)
        sat_out.append(waits_until_tried(spinning))
    assert sat_out == [1, 3, 7, 7, 7]


def test_one_gain_begins_anew() -> None:
    spinning = Spinning(LIMIT_S)
    for _ in range(5):
        spinning.end(paid_off=False)
    spinning.end(paid_off=True)
    assert waits_until_tried(spinning) == 0
    spinning.end(paid_off=False)
    assert waits_until_tried(spinning) == 1
    assert "losses=1" in repr(spinning)


def looks(spinning: Spinning, *, at: float, apart: float, most: int = 1000) -> int:
    """How many looks that find nothing are taken before it is given up."""
    for count in range(1, most):
        at += apart
        if not spinning.goes_on(at):
            return count
    raise AssertionError("it never ends")


def test_an_attempt_ends_with_its_time() -> None:
    spinning = Spinning(LIMIT_S)
    for began in (0.0, 1234.5):
        assert spinning.begin(began)
        assert looks(spinning, at=began, apart=LOOK_S) in (80, 81)
        spinning.end(paid_off=True)


def test_an_attempt_ends_as_soon_as_another_is_seen_to_run_on_this_cpu() -> None:
    spinning = Spinning(LIMIT_S)
    assert spinning.begin(0.0)
    assert spinning.goes_on(LOOK_S)
    assert not spinning.goes_on(LOOK_S + 1.01 * ELSEWHERE_S)
