"""BudgetKeeper: budgets that outlive a process, between the database and the gateway's book."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from loguru import logger

from dspash.errors import DspashError
from dspash.gateway.budget import (
    NOTHING,
    Account,
    Amount,
    Budget,
    BudgetBook,
    BudgetState,
    Reservation,
    Scope,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from dspash.resources.kernel.scene import StoredScene

__all__ = ["BudgetKeeper"]

GATHER_S: Final = 0.05
"""How long what was spent may wait to be written with more of it."""

LOOK_S: Final = 1.0
"""How often budgets are read anew: others spend of them, change them, or a new day has begun."""

CLOSE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Kept:
    """One budget of the database, and what is spent of it there."""

    budget: Budget
    id: Any
    window: str
    spent: Amount


class BudgetKeeper:
    """Declares the budgets of the database in a book, writes what is spent of them, and tells the book what others spend.

    It does so on a thread of its own, from `start` on. What was spent in the last GATHER_S before the process is killed
    is not counted.
    """

    def __init__(self, book: BudgetBook, open_scene: Callable[[], StoredScene]) -> None:
        self._book = book
        self._open_scene = open_scene
        self.look_again: Callable[[], None] | None = None
        """Called, on any thread, when a budget has changed that calls may wait for."""
        self._known: dict[Account, _Kept] = {}
        self._spent: dict[Account, Amount] = {}
        self._changed = threading.Condition()
        self._turn = threading.Lock()  # held while the database is asked
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<BudgetKeeper of {len(self._known)} budgets>"

    def spent(self, before: BudgetState, after: BudgetState) -> None:
        """Note that something was spent of a budget. Implements the gateway's BudgetWatcher; never waits."""
        account = after.budget.account
        with self._changed:
            if account in self._known:
                self._spent[account] = self._spent.get(account, NOTHING) + (after.spent - before.spent)
                self._changed.notify_all()

    def start(self) -> None:
        """Have the budgets looked at from now on, until `close`. Never waits."""
        with self._changed:
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._run, name="dspash-budgets", daemon=True)
                self._thread.start()

    def look(self) -> None:
        """Write what was spent, and take over what the database has, now. Raises StoreError."""
        with self._turn:
            with self._changed:
                spent, self._spent = self._spent, {}
            try:
                kept = self._exchange(spent)
            except BaseException:
                with self._changed:
                    for account, amount in spent.items():
                        self._spent[account] = self._spent.get(account, NOTHING) + amount
                raise
            self._take_over(kept, spent)

    def close(self) -> None:
        """Write what was spent, within a bound, and end the thread. Idempotent."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(CLOSE_S)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            with self._changed:
                is_last = self._is_closed
                if is_last and not self._spent:
                    return
            try:
                self.look()
            except DspashError as error:
                logger.warning("budgets cannot be read or written: {}", error)
            with self._changed:
                if not self._is_closed and not self._changed.wait_for(
                    lambda: bool(self._spent) or self._is_closed, LOOK_S
                ):
                    continue
                self._changed.wait_for(lambda: self._is_closed, GATHER_S)

    def _exchange(self, spent: Mapping[Account, Amount]) -> dict[Account, _Kept]:
        """Add what was spent here to the database, and read all budgets of the tenant."""
        scene = self._open_scene()
        if not spent:
            with scene.reading() as connection:
                return _read(scene, connection)
        with scene.transaction() as inner:
            for account, amount in spent.items():
                _add(scene, inner.connection, self._known[account], amount)
            return _read(scene, inner.connection)

    def _take_over(self, kept: Mapping[Account, _Kept], spent: Mapping[Account, Amount]) -> None:
        changed = False
        for account, found in kept.items():
            known = self._known.get(account)
            if known is None or known.id != found.id:
                self._book.declare(found.budget, spent=found.spent)
                changed = True
                continue
            if known.budget != found.budget:
                self._book.declare(found.budget)
                changed = True
            # What is there now and was not, but for what was spent here; less than nothing when it begins anew.
            elsewhere = found.spent - known.spent - spent.get(account, NOTHING)
            if elsewhere != NOTHING:
                self._book.settle(Reservation((account,), NOTHING), elsewhere)
                changed = True
        for account in self._known.keys() - kept.keys():
            self._book.drop(account)
            changed = True
        with self._changed:
            self._known = dict(kept)
            self._spent = {account: amount for account, amount in self._spent.items() if account in kept}
        if changed and self.look_again is not None:
            self.look_again()


def _table(scene: StoredScene) -> Table:
    return scene.domain.table(scene.domain.declaration("Budget"))


def _read(scene: StoredScene, connection: Connection) -> dict[Account, _Kept]:
    from sqlalchemy import select

    from dspash.resources.budget import period_at

    table, tenant = _table(scene), scene.context.tenant
    found: dict[Account, _Kept] = {}
    for row in connection.execute(select(table).where(table.c.tenant_id == tenant)).mappings():
        account = _account(row["scope"], row["subject"], tenant)
        window = period_at(row["period"], scene.now())
        budget = Budget(
            account,
            calls=row["max_calls"],
            tokens=row["max_tokens"],
            usd=row["max_cost"],
            warn_at=row["warn_at"],
        )
        spent = Amount(row["spent_calls"], row["spent_tokens"], row["spent_nanos"])
        found[account] = _Kept(budget, row["id"], window, spent if row["spent_in"] == window else NOTHING)
    return found


def _add(scene: StoredScene, connection: Connection, kept: _Kept, amount: Amount) -> None:
    from sqlalchemy import case, update

    table = _table(scene)
    is_same = table.c.spent_in == kept.window
    more = {"spent_calls": amount.calls, "spent_tokens": amount.tokens, "spent_nanos": amount.nanos}
    values = {name: case((is_same, table.c[name] + figure), else_=figure) for name, figure in more.items()}
    connection.execute(update(table).where(table.c.id == kept.id).values(**values, spent_in=kept.window))


def _account(scope: str, subject: str, tenant: str) -> Account:
    match Scope(scope):
        case Scope.TENANT:
            return Account(Scope.TENANT, tenant)
        case Scope.PROGRAM:
            return Account(Scope.PROGRAM, subject, tenant)
        case other:
            return Account(other, subject)
