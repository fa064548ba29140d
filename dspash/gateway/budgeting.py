"""Budgeting: sets aside what an attempt may cost before it goes out, and settles what it did cost after."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from loguru import logger

from dspash.gateway.answer import Answer
from dspash.gateway.budget import (
    NOTHING,
    Account,
    Amount,
    BudgetBook,
    BudgetState,
    Reservation,
    Shortage,
    accounts_of,
)
from dspash.gateway.errors import GatewayError
from dspash.gateway.measure import Measure, measure_of
from dspash.gateway.model import AsyncModel, RoutedCall
from dspash.gateway.port import JsonMap
from dspash.gateway.price import PriceTable
from dspash.gateway.refusals import BudgetExceededError, UnpricedModelError
from dspash.gateway.spent import is_unbilled, total_tokens

__all__ = ["BudgetWatcher", "Budgeting"]

BudgetWatcher = Callable[[BudgetState, BudgetState], None]
"""Told of each budget, before and after, that something was spent of; on the gateway's loop, where it must not wait."""


def _warn(before: BudgetState, after: BudgetState) -> None:
    if after.is_warned and not before.is_warned:
        logger.warning("{:.0%} of the budget of {} are spent", after.used, after.budget.account)


class Budgeting:
    """Lets an attempt out only when every budget that covers it can pay for it.

    While what is set aside for others may still come back, it waits. It refuses with BudgetExceededError when what is
    spent leaves too little for certain. What an attempt that failed has cost is not always known: an answer with an
    HTTP error is not billed, and of anything else that left this process all that was set aside counts as spent.
    """

    def __init__(
        self,
        following: AsyncModel,
        book: BudgetBook,
        *,
        prices: PriceTable | None = None,
        watchers: tuple[BudgetWatcher, ...] = (),
    ) -> None:
        self._following = following
        self._book = book
        self._prices = prices
        self._watchers = (_warn, *watchers)
        self._waiting: deque[_Wish] = deque()

    def __repr__(self) -> str:
        return f"Budgeting({self._book!r}, {len(self._waiting)} waiting)"

    async def complete(self, call: RoutedCall) -> Answer:
        """See AsyncModel. Raises BudgetExceededError, UnpricedModelError."""
        if not self._book:
            return await self._following.complete(call)
        async with self._paid(call) as payment:
            answer = await self._following.complete(call)
            payment.answered(answer)
            return answer

    async def stream(self, call: RoutedCall) -> AsyncGenerator[JsonMap | Answer]:
        """See AsyncModel. What was streamed before a failure counts as if it had been the whole answer."""
        async with self._paid(call) as payment, aclosing(self._following.stream(call)) as items:
            async for item in items:
                if isinstance(item, Answer):
                    payment.answered(item)
                yield item

    def look_again(self) -> None:
        """Let those who wait for a budget see whether there is enough now: one was changed."""
        blocked: set[Account] = set()
        for _ in range(len(self._waiting)):
            wish = self._waiting.popleft()
            if wish.outcome.done():
                continue
            # Whoever came first goes first, among those who wait for the same budget.
            outcome = (
                None
                if blocked.intersection(wish.accounts)
                else self._book.reserve(wish.accounts, wish.amount)
            )
            if outcome is None or (isinstance(outcome, Shortage) and not outcome.is_final):
                blocked.update(wish.accounts)
                self._waiting.append(wish)
            else:
                wish.outcome.set_result(outcome)

    @asynccontextmanager
    async def _paid(self, call: RoutedCall) -> AsyncGenerator[_Payment]:
        states = self._book.covering(accounts_of(call.call.payer, call.target))
        if not states:
            yield _Payment(NOTHING)
            return
        accounts = tuple(state.budget.account for state in states)
        amount = self._most(call, states)
        reservation = await self._reserve(accounts, amount)
        payment = _Payment(amount)
        try:
            yield payment
        except GatewayError as error:
            if is_unbilled(error):
                payment.was_not_billed()
            raise
        finally:
            spent = payment.spent if call.dispatch.was_sent else NOTHING
            self._settle(reservation, spent)

    async def _reserve(self, accounts: tuple[Account, ...], amount: Amount) -> Reservation:
        outcome: Reservation | Shortage
        wish = _Wish(accounts, amount, asyncio.get_running_loop().create_future())
        self._waiting.append(wish)
        self.look_again()
        try:
            outcome = await wish.outcome
        except asyncio.CancelledError:
            granted = None if wish.outcome.cancelled() or not wish.outcome.done() else wish.outcome.result()
            if isinstance(granted, Reservation):
                self._settle(granted, NOTHING)
            else:
                self.look_again()
            raise
        if isinstance(outcome, Shortage):
            raise BudgetExceededError(
                str(outcome.account),
                outcome.dimension,
                limit=outcome.limit,
                spent=outcome.spent,
                needed=outcome.needed,
            )
        return outcome

    def _settle(self, reservation: Reservation, spent: Amount) -> None:
        for before, after in self._book.settle(reservation, spent):
            for watcher in self._watchers:
                watcher(before, after)
        self.look_again()

    def _most(self, call: RoutedCall, states: tuple[BudgetState, ...]) -> Amount:
        """What one attempt may cost at most, of what the budgets limit. Raises UnpricedModelError."""
        limits = [(state.budget.account, state.budget.limits()) for state in states]
        payer_of_money = next((account for account, named in limits if "usd" in named), None)
        if payer_of_money is None and not any("tokens" in named for _, named in limits):
            return Amount(calls=1)
        measure = measure_of(call)
        if payer_of_money is None or call.target.is_local:
            return Amount(1, measure.most)
        return Amount.of(calls=1, tokens=measure.most, usd=self._price(call, measure, payer_of_money))

    def _price(self, call: RoutedCall, measure: Measure, payer: Account) -> float:
        price = None if self._prices is None else self._prices.price_of(call.target)
        if price is None:
            raise UnpricedModelError(call.target.name, str(payer))
        return price.most_usd(measure.most_input, measure.most_output)


@dataclass(slots=True, eq=False)
class _Wish:
    accounts: tuple[Account, ...]
    amount: Amount
    outcome: asyncio.Future[Reservation | Shortage]


class _Payment:
    """One attempt that something was set aside for: hears what it has cost. Until then it counts as all of it."""

    def __init__(self, reserved: Amount) -> None:
        self._reserved = reserved
        self.spent = reserved

    def answered(self, answer: Answer) -> None:
        """Take what the answer says that it used; where it does not say, what was set aside."""
        tokens = total_tokens(answer.response)
        cost = answer.cost
        self.spent = Amount(
            self._reserved.calls,
            self._reserved.tokens if tokens is None else tokens,
            self._reserved.nanos if cost is None else Amount.of(usd=cost.usd).nanos,
        )

    def was_not_billed(self) -> None:
        """The provider has refused the request: it was a call, and nothing else."""
        self.spent = Amount(calls=self._reserved.calls)
