"""Budgets that are kept: what is spent outlives the process, is shared by all of them, and begins anew when it should."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from dspash.errors import ConflictError, InvalidInputError
from dspash.gateway.budget import NOTHING, Account, Amount, BudgetBook, Reservation, Scope, Shortage
from dspash.resources.budget import Budget
from dspash.resources.kernel import StoredScene
from dspash.resources.lm.budget_keeper import BudgetKeeper
from dspash.store import Store
from tests.leaks import wait_until
from tests.resources.executions import NOON, scene_of

TENANT = Account(Scope.TENANT, "north")


class Spender:
    """One process: a book, its keeper, and calls that spend."""

    def __init__(self, scene: StoredScene) -> None:
        self.book = BudgetBook()
        self.woken = 0
        self.keeper = BudgetKeeper(self.book, lambda: scene)
        self.keeper.look_again = self._wake
        self.keeper.look()

    def _wake(self) -> None:
        self.woken += 1

    def spend(self, amount: Amount, account: Account = TENANT) -> Shortage | None:
        reserved = self.book.reserve([account], amount)
        if isinstance(reserved, Shortage):
            return reserved
        for before, after in self.book.settle(reserved, amount):
            self.keeper.spent(before, after)
        return None

    def spent(self, account: Account = TENANT) -> Amount:
        state = self.book.state(account)
        assert state is not None
        return state.spent


@contextmanager
def started(spender: Spender) -> Generator[Spender]:
    spender.keeper.start()
    try:
        yield spender
    finally:
        spender.keeper.close()


def test_what_is_spent_outlives_the_process(store: Store) -> None:
    scene = scene_of(store)
    scene.of(Budget).create(name="all", max_calls=3, max_cost=1.0)
    with started(Spender(scene)) as first:
        for _ in range(2):
            assert first.spend(Amount.of(calls=1, tokens=10, usd=0.1)) is None
    kept = scene.of(Budget).get("all")
    assert kept.spent_at(NOON) == {"spent_calls": 2, "spent_tokens": 20, "spent_cost": 0.2}
    second = Spender(scene)
    assert second.spent() == Amount.of(calls=2, tokens=20, usd=0.2)
    assert second.spend(Amount(calls=1)) is None
    assert isinstance(second.spend(Amount(calls=1)), Shortage)


def test_processes_hear_of_what_the_others_spend(store: Store) -> None:
    scene = scene_of(store)
    scene.of(Budget).create(name="all", max_calls=100)
    with started(Spender(scene)) as one, started(Spender(scene)) as other:
        for spender, count in ((one, 7), (other, 5)):
            for _ in range(count):
                spender.spend(Amount(calls=1))
        wait_until(lambda: one.spent().calls == 12 and other.spent().calls == 12, "both to know of 12 calls")
    assert scene.of(Budget).get("all").spent_calls == 12


def test_budgets_that_are_made_changed_and_destroyed_are_taken_over(store: Store) -> None:
    scene = scene_of(store)
    spender = Spender(scene)
    assert spender.book.states() == []
    scene.of(Budget).create(name="Baleen", scope="program", subject="Baleen", max_calls=1)
    scene.of(Budget).create(name="acme", scope="provider", subject="acme", max_tokens=5)
    spender.keeper.look()
    program, provider = Account(Scope.PROGRAM, "Baleen", "north"), Account(Scope.PROVIDER, "acme")
    assert {state.budget.account for state in spender.book.states()} == {program, provider}
    assert spender.spend(Amount(calls=1), program) is None
    assert isinstance(spender.spend(Amount(calls=1), program), Shortage)
    scene.of(Budget).update("Baleen", max_calls=2)
    scene.of(Budget).destroy("acme")
    spender.keeper.look()
    assert spender.spend(Amount(calls=1), program) is None
    assert spender.book.state(provider) is None
    assert spender.woken == 2


def test_nobody_is_woken_when_nothing_has_changed(store: Store) -> None:
    scene = scene_of(store)
    scene.of(Budget).create(name="all", max_calls=10)
    spender = Spender(scene)
    spender.spend(Amount(calls=1))
    for _ in range(3):
        spender.keeper.look()
    assert (spender.woken, spender.spent().calls) == (1, 1)


@pytest.mark.parametrize(
    ("period", "later", "left"),
    [("day", timedelta(hours=12), 0), ("month", timedelta(days=31), 0), ("total", timedelta(days=4000), 3)],
)
def test_a_budget_of_a_period_begins_anew(store: Store, period: Any, later: timedelta, left: int) -> None:
    now = [NOON]
    scene = StoredScene(
        scene_of(store).context, domain=scene_of(store).domain, store=store, clock=lambda: now[0]
    )
    scene.of(Budget).create(name="all", max_calls=3, period=period)
    spender = Spender(scene)
    for _ in range(3):
        spender.spend(Amount(calls=1))
    spender.keeper.look()
    assert isinstance(spender.spend(Amount(calls=1)), Shortage)
    now[0] = NOON + later
    spender.keeper.look()
    assert spender.spent().calls == left
    assert Spender(scene).spent().calls == left
    if not left:
        spender.spend(Amount(calls=1))
        spender.keeper.look()
        assert scene.of(Budget).get("all").spent_calls == 1


def test_a_reset_gives_everybody_the_whole_budget(store: Store) -> None:
    scene = scene_of(store)
    scene.of(Budget).create(name="all", max_calls=3)
    spender = Spender(scene)
    for _ in range(3):
        spender.spend(Amount(calls=1))
    spender.keeper.look()
    scene.of(Budget).reset("all")
    spender.keeper.look()
    assert spender.spent() == NOTHING


def test_what_is_set_aside_stays_so_whatever_the_others_spend(store: Store) -> None:
    scene = scene_of(store)
    scene.of(Budget).create(name="all", max_calls=3)
    one, other = Spender(scene), Spender(scene)
    assert isinstance(one.book.reserve([TENANT], Amount(calls=2)), Reservation)
    other.spend(Amount(calls=1))
    other.keeper.look()
    one.keeper.look()
    assert isinstance(one.spend(Amount(calls=1)), Shortage)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"scope": "program", "max_calls": 1}, "$.subject"),
        ({"subject": "x", "max_calls": 1}, "$.subject"),
        ({"scope": "tenant"}, "$"),
        ({"max_calls": -1}, "$.max_calls"),
        ({"max_cost": float("nan")}, "$.max_cost"),
        ({"max_calls": 1, "warn_at": 0.0}, "$.warn_at"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(store: Store, arguments: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        scene_of(store).of(Budget).create(name="b", **arguments)
    assert [problem.path for problem in caught.value.problems] == [path]


def test_the_same_calls_have_one_budget(store: Store) -> None:
    budgets = scene_of(store).of(Budget)
    budgets.create(name="all", max_calls=1)
    with pytest.raises(ConflictError, match="'all' is for the same calls"):
        budgets.create(name="again", max_calls=2)
