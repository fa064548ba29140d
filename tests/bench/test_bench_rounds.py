"""Rounds: everybody acts in every round, and who fails does not stop the others."""

from __future__ import annotations

from benchmarks.host import ActFailedError
from benchmarks.rounds import play_rounds

NAMES = ("a", "b", "c", "d")


def test_every_contestant_acts_once_in_every_round() -> None:
    acted: list[str] = []
    turns = play_rounds(NAMES, 5, lambda name: acted.append(name) or len(acted))
    assert {name: len(own) for name, own in turns.of.items()} == dict.fromkeys(NAMES, 5)
    assert all(sorted(acted[begin : begin + 4]) == list(NAMES) for begin in range(0, 20, 4))


def test_order_differs_between_rounds_so_that_nobody_always_follows_the_same_neighbour() -> None:
    acted: list[str] = []
    play_rounds(NAMES, 20, acted.append)
    assert len({tuple(acted[begin : begin + 4]) for begin in range(0, 80, 4)}) > 1


def test_contestant_that_fails_drops_out_with_its_reason_and_the_others_go_on() -> None:
    def turn(name: str) -> str:
        if name == "b":
            raise ActFailedError("b broke")
        return name

    turns = play_rounds(NAMES, 3, turn)
    assert turns.failed == {"b": "b broke"}
    assert turns.of == {"a": ["a"] * 3, "c": ["c"] * 3, "d": ["d"] * 3}


def test_contestant_whose_turn_was_enough_takes_no_more_and_keeps_its_result() -> None:
    turns = play_rounds(NAMES, 3, lambda name: name, is_enough=lambda outcome: outcome == "c")
    assert {name: len(own) for name, own in turns.of.items()} == {"a": 3, "b": 3, "c": 1, "d": 3}
    assert turns.failed == {}
