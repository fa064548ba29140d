"""One timer does for any number of deadlines, and none of them is missed or told of twice."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from dspash_protocol import Look, Lookout
from dspash_protocol.lookout import GRAIN_S, LONGEST_S

TIMES = st.floats(0.0, 200.0) | st.just(math.inf)


class Owner:
    """Whoever watches: does every look when it is planned, as a timer would."""

    def __init__(self) -> None:
        self.lookout: Lookout[str] = Lookout()
        self.planned: list[float] = []
        self.looks = 0
        self.told: list[tuple[str, float]] = []

    def add(self, key: int, due: float, now: float) -> None:
        self._plan(self.lookout.add(key, f"call {key}", due, now))

    def move_to(self, end: float) -> None:
        while self.planned and min(self.planned) <= end:
            now = min(self.planned)
            self.planned.remove(now)
            self.looks += 1
            found = self.lookout.look(now)
            self.told += [(item, now) for item in found.due]
            self._plan(found.next_at)

    def _plan(self, at: float | None) -> None:
        if at is not None:
            self.planned.append(at)


@given(st.lists(st.tuples(TIMES, TIMES.filter(math.isfinite), st.booleans()), max_size=30))
def test_each_is_told_of_once_and_in_time_unless_it_ended(calls: list[tuple[float, float, bool]]) -> None:
    owner = Owner()
    for key, (due_after, begins, ends) in enumerate(sorted(calls, key=lambda call: call[1])):
        owner.move_to(begins)
        owner.add(key, begins + due_after, begins)
        if ends:
            owner.lookout.discard(key)
    owner.move_to(1000.0)
    told = dict(owner.told)
    assert len(told) == len(owner.told)
    expected = {
        f"call {key}": begins + due_after
        for key, (due_after, begins, ends) in enumerate(sorted(calls, key=lambda call: call[1]))
        if not ends and due_after < math.inf
    }
    assert told.keys() == expected.keys()
    assert all(due <= told[item] <= due + 2 * GRAIN_S for item, due in expected.items())
    assert len(owner.lookout) == sum(due_after == math.inf and not ends for due_after, _, ends in calls)


def test_calls_that_end_in_time_cost_no_look_each() -> None:
    owner = Owner()
    for key in range(1000):
        owner.add(key, 120.0 + key, float(key) / 100)
        owner.lookout.discard(key)
    assert len(owner.planned) == 1
    owner.move_to(5000.0)
    assert (owner.looks, owner.told, owner.planned) == (1, [], [])


def test_what_is_due_at_once_is_told_longest_first() -> None:
    lookout: Lookout[str] = Lookout()
    for key, due in enumerate((3.0, 1.0, 2.0, 9.0)):
        lookout.add(key, f"at {due:g}", due, 0.0)
    assert lookout.look(0.5) == Look((), None)  # before its time
    assert lookout.look(5.0) == Look(("at 1", "at 2", "at 3"), 9.0)
    assert lookout.watched() == ["at 9"]


def test_no_look_is_planned_further_away_than_a_bound() -> None:
    lookout: Lookout[str] = Lookout()
    assert lookout.add(1, "late", 1e9, 100.0) == 100.0 + LONGEST_S
    assert lookout.look(160.0).next_at == 160.0 + LONGEST_S
    lookout.clear()
    assert lookout.look(300.0) == Look((), None)
