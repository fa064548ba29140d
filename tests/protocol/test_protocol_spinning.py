"""Spinning is given up as fast as it fails, and taken up again when it pays."""

from __future__ import annotations

from dspash_protocol import Spinning


def waits_until_due(spinning: Spinning) -> int:
    waits = 0
    while not spinning.is_due():
        waits += 1
    return waits


def test_it_is_tried_at_first_and_as_long_as_it_pays_off() -> None:
    spinning = Spinning()
    for _ in range(10):
        assert waits_until_due(spinning) == 0
        spinning.tell(paid_off=True)


def test_each_loss_doubles_the_waits_that_are_sat_out_up_to_a_bound() -> None:
    spinning = Spinning()
    sat_out = []
    for _ in range(5):
        spinning.tell(paid_off=False)
        sat_out.append(waits_until_due(spinning))
    assert sat_out == [1, 3, 7, 7, 7]


def test_one_gain_begins_anew() -> None:
    spinning = Spinning()
    for _ in range(5):
        spinning.tell(paid_off=False)
    spinning.tell(paid_off=True)
    assert waits_until_due(spinning) == 0
    spinning.tell(paid_off=False)
    assert waits_until_due(spinning) == 1
    assert "losses=1" in repr(spinning)
