"""Budget: what may be spent on whose account, and the book that sets aside before and settles after.

The book never waits: what cannot be set aside now is refused, or may be asked for again when something is settled.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from dspash.gateway.lm_call import DEFAULT_TENANT, Payer
from dspash.gateway.target import Target

__all__ = [
    "EVERYTHING",
    "NOTHING",
    "Account",
    "Amount",
    "Budget",
    "BudgetBook",
    "BudgetState",
    "Reservation",
    "Scope",
    "Shortage",
    "accounts_of",
]

_NANOS: Final = 1_000_000_000


class Scope(StrEnum):
    """What a budget is for. A call counts against each that covers it."""

    RUN = "run"
    PROGRAM = "program"
    TENANT = "tenant"
    PROVIDER = "provider"
    KEY = "key"
    APP = "app"
    """All that comes to this gateway."""


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """Whose calls: those of one run, program (of a tenant), tenant, configured provider, key, or all of them."""

    scope: Scope
    subject: str
    tenant: str = ""
    """Of a program only: two tenants' programs may have the same name."""

    def __str__(self) -> str:
        owner = f" of {self.tenant}" if self.tenant not in {"", DEFAULT_TENANT} else ""
        return f"{self.scope} {self.subject}{owner}" if self.subject else f"this {self.scope}"


EVERYTHING: Final = Account(Scope.APP, "")


@dataclass(frozen=True, slots=True)
class Amount:
    """So many calls, tokens and money. `nanos` are billionths of a US dollar: exact, so that many small ones add up."""

    calls: int = 0
    tokens: int = 0
    nanos: int = 0

    @classmethod
    def of(cls, *, calls: int = 0, tokens: int = 0, usd: float = 0.0) -> Amount:
        """The amount; money is rounded up to the next nano-dollar."""
        return cls(calls, tokens, math.ceil(Decimal(repr(usd)) * _NANOS))

    @property
    def usd(self) -> float:
        """The money in US dollars."""
        return self.nanos / _NANOS

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.calls + other.calls, self.tokens + other.tokens, self.nanos + other.nanos)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.calls - other.calls, self.tokens - other.tokens, self.nanos - other.nanos)


NOTHING: Final = Amount()


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be spent on an account; None: as much as it takes. From `warn_at` (a share) on it is said once."""

    account: Account
    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None
    warn_at: float = 0.8

    def __post_init__(self) -> None:
        for name in ("calls", "tokens", "usd"):
            figure: float | None = getattr(self, name)
            if figure is not None and not 0 <= figure < math.inf:
                raise ValueError(
                    f"{name} is {figure!r}; a budget is 0 or more, or None for as much as it takes"
                )
        if not 0 < self.warn_at <= 1:
            raise ValueError(f"warn_at is {self.warn_at!r}; it is a share, above 0 and up to 1")

    def limits(self) -> dict[str, int]:
        """What is limited, in the book's units: `calls`, `tokens`, `usd` (in nano-dollars)."""
        nanos = None if self.usd is None else math.floor(Decimal(repr(self.usd)) * _NANOS)
        known = {"calls": self.calls, "tokens": self.tokens, "usd": nanos}
        return {name: figure for name, figure in known.items() if figure is not None}


@dataclass(frozen=True, slots=True)
class BudgetState:
    """One budget at one moment."""

    budget: Budget
    spent: Amount = NOTHING
    reserved: Amount = NOTHING
    """Set aside for calls that are out."""

    @property
    def used(self) -> float:
        """The share that is spent, of whichever limit is nearest; 1 when one is reached."""
        shares = [
            _figure(self.spent, name) / limit if limit else 1.0
            for name, limit in self.budget.limits().items()
        ]
        return max(shares, default=0.0)

    @property
    def is_warned(self) -> bool:
        """Whether so much is spent that somebody should know."""
        return self.used >= self.budget.warn_at


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was set aside for one attempt, on every account that covers it."""

    accounts: tuple[Account, ...]
    amount: Amount


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why nothing could be set aside. In the dimension's unit; money in US dollars."""

    account: Account
    dimension: str
    limit: float
    spent: float
    needed: float
    is_final: bool
    """False: there would be enough if nothing that is set aside were spent."""


def accounts_of(payer: Payer, target: Target) -> tuple[Account, ...]:
    """Every account that a call of `payer` to `target` counts against."""
    found = [
        EVERYTHING,
        Account(Scope.TENANT, payer.tenant),
        Account(Scope.PROVIDER, target.provider),
        Account(Scope.KEY, target.key_id),
    ]
    if payer.program:
        found.append(Account(Scope.PROGRAM, payer.program, payer.tenant))
    if payer.run is not None:
        found.append(Account(Scope.RUN, payer.run))
    return tuple(found)


class BudgetBook:
    """What is spent and set aside on every account that has a budget. Thread-safe.

    At every moment spent and reserved together are within the limits, unless a call used more than was set aside for
    it, or a limit was lowered.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[Account, BudgetState] = {}
        self._dropped: set[Account] = set()
        """Those of them that are still there only for what is set aside."""

    def __repr__(self) -> str:
        return f"<BudgetBook of {len(self._states)} budgets>"

    def __bool__(self) -> bool:
        return bool(self._states)

    def declare(self, budget: Budget, *, spent: Amount | None = None) -> None:
        """Take up a budget, or change one: what is spent and set aside stays, unless `spent` says otherwise."""
        with self._lock:
            state = self._states.get(budget.account, BudgetState(budget))
            self._states[budget.account] = BudgetState(
                budget, state.spent if spent is None else spent, state.reserved
            )
            self._dropped.discard(budget.account)

    def drop(self, account: Account) -> None:
        """Forget the budget of an account: it may spend as it likes. One that has none stays so."""
        with self._lock:
            state = self._states.get(account)
            if state is not None:
                self._states[account] = BudgetState(Budget(account), state.spent, state.reserved)
                self._dropped.add(account)
                self._sweep(account)

    def state(self, account: Account) -> BudgetState | None:
        """How a budget stands; None for an account that has none."""
        return None if account in self._dropped else self._states.get(account)

    def states(self) -> list[BudgetState]:
        """How all budgets stand, in the order of their accounts."""
        with self._lock:
            return [self._states[account] for account in sorted(self._states.keys() - self._dropped)]

    def covering(self, accounts: Iterable[Account]) -> tuple[BudgetState, ...]:
        """How those of the accounts' budgets stand that there are."""
        return tuple(state for account in accounts if (state := self._states.get(account)) is not None)

    def reserve(self, accounts: Iterable[Account], amount: Amount) -> Reservation | Shortage:
        """Set `amount` aside on every account that has a budget, or on none."""
        with self._lock:
            states = self.covering(accounts)
            shortages = [short for state in states if (short := _shortage(state, amount)) is not None]
            if shortages:
                return max(shortages, key=lambda short: short.is_final)
            for state in states:
                self._states[state.budget.account] = BudgetState(
                    state.budget, state.spent, state.reserved + amount
                )
            return Reservation(tuple(state.budget.account for state in states), amount)

    def settle(self, reservation: Reservation, spent: Amount) -> list[tuple[BudgetState, BudgetState]]:
        """Give back what was set aside, and count what was spent of it. Returns each budget before and after."""
        changes: list[tuple[BudgetState, BudgetState]] = []
        with self._lock:
            for account in reservation.accounts:
                before = self._states[account]
                reserved = before.reserved - reservation.amount
                after = self._states[account] = BudgetState(before.budget, before.spent + spent, reserved)
                if account in self._dropped:
                    self._sweep(account)
                else:
                    changes.append((before, after))
        return changes

    def _sweep(self, account: Account) -> None:
        if self._states[account].reserved == NOTHING:
            del self._states[account]
            self._dropped.discard(account)


def _figure(amount: Amount, dimension: str) -> int:
    return {"calls": amount.calls, "tokens": amount.tokens, "usd": amount.nanos}[dimension]


def _shortage(state: BudgetState, amount: Amount) -> Shortage | None:
    for dimension, limit in state.budget.limits().items():
        needed, spent = _figure(amount, dimension), _figure(state.spent, dimension)
        if needed and spent + _figure(state.reserved, dimension) + needed > limit:
            unit = _NANOS if dimension == "usd" else 1
            is_final = spent + needed > limit
            return Shortage(
                state.budget.account, dimension, limit / unit, spent / unit, needed / unit, is_final
            )
    return None
