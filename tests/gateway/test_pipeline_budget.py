"""Budgets: set aside before, settled after; never exceeded, and used up before anybody is refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from steps import TARGET, ScriptedModel, asked, listen, play, response

from dspash.gateway import (
    Account,
    Amount,
    Answer,
    Budget,
    BudgetBook,
    BudgetExceededError,
    GatewayError,
    JsonMap,
    ModelTimeoutError,
    Payer,
    Price,
    RateLimitError,
    Scope,
    ServerError,
    Target,
    TransportError,
    UnpricedModelError,
)
from dspash.gateway.budget import NOTHING, BudgetState, Reservation, Shortage, accounts_of
from dspash.gateway.budgeting import Budgeting
from dspash.gateway.model import RoutedCall
from dspash.gateway.price import Cost, Rates

RUN = Account(Scope.RUN, "r")
TENANT = Account(Scope.TENANT, "default")
IN_RUN = Payer(run="r")
AMOUNTS = st.builds(Amount, st.integers(0, 3), st.integers(0, 50), st.integers(0, 20))
SHARES = st.floats(0, 1)


class Books(RuleBasedStateMachine):
    """Amounts are set aside, spent in part and given back on two accounts, whose budgets change meanwhile."""

    reservations = Bundle("reservations")

    @initialize(calls=st.integers(0, 10), tokens=st.integers(0, 200))
    def open_book(self, calls: int, tokens: int) -> None:
        self.book = BudgetBook()
        self.limits = {RUN: Amount(calls, 10**9, 10**9), TENANT: Amount(10**9, tokens, 10**9)}
        self.spent = dict.fromkeys(self.limits, NOTHING)
        self.out = dict.fromkeys(self.limits, NOTHING)
        self.book.declare(Budget(RUN, calls=calls))
        self.book.declare(Budget(TENANT, tokens=tokens))

    @rule(target=reservations, amount=AMOUNTS, accounts=st.sampled_from([(RUN,), (TENANT,), (RUN, TENANT)]))
    def reserve(self, amount: Amount, accounts: tuple[Account, ...]) -> Reservation | None:
        fits = all(
            (not amount.calls or self._total(account).calls + amount.calls <= self.limits[account].calls)
            and (
                not amount.tokens
                or self._total(account).tokens + amount.tokens <= self.limits[account].tokens
            )
            for account in accounts
        )
        outcome = self.book.reserve(accounts, amount)
        assert isinstance(outcome, Reservation) == fits
        if isinstance(outcome, Shortage):
            if not outcome.is_final:
                assert self.out[outcome.account] != NOTHING  # something may still come back
            return None
        for account in accounts:
            self.out[account] += amount
        return outcome

    @rule(reservation=consumes(reservations), share=SHARES)
    def settle(self, reservation: Reservation | None, share: float) -> None:
        if reservation is None:
            return
        whole = reservation.amount
        spent = Amount(*[int(figure * share) for figure in (whole.calls, whole.tokens, whole.nanos)])
        changes = self.book.settle(reservation, spent)
        assert [before.budget.account for before, _ in changes] == list(reservation.accounts)
        for account in reservation.accounts:
            self.out[account] -= whole
            self.spent[account] += spent

    def _total(self, account: Account) -> Amount:
        return self.spent[account] + self.out[account]

    @invariant()
    def books_agree_and_nothing_is_exceeded(self) -> None:
        for account, limit in self.limits.items():
            state = self.book.state(account)
            assert state is not None
            assert (state.spent, state.reserved) == (self.spent[account], self.out[account])
            total = state.spent + state.reserved
            assert total.calls <= limit.calls
            assert total.tokens <= limit.tokens


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=30, stateful_step_count=30)


def test_a_budget_that_is_dropped_and_taken_up_again_while_calls_are_out_stays_right() -> None:
    book = BudgetBook()
    book.declare(Budget(RUN, calls=3))
    first = book.reserve((RUN,), Amount(calls=1))
    assert isinstance(first, Reservation)
    book.drop(RUN)
    assert (book.state(RUN), book.states()) == (None, [])
    book.declare(Budget(RUN, calls=5), spent=Amount(calls=2))
    assert book.state(RUN) == BudgetState(Budget(RUN, calls=5), Amount(calls=2), Amount(calls=1))
    book.settle(first, Amount(calls=1))
    assert book.state(RUN) == BudgetState(Budget(RUN, calls=5), Amount(calls=3), NOTHING)
    book.drop(RUN)
    assert not book


def test_money_is_counted_in_whole_billionths_and_never_rounded_down() -> None:
    assert Amount.of(usd=0.1) + Amount.of(usd=0.2) == Amount.of(usd=0.3)
    assert Amount.of(usd=1e-12).nanos == 1
    assert Budget(RUN, usd=0.3).limits() == {"usd": 300_000_000}


@pytest.mark.parametrize(
    "figures", [{"calls": -1}, {"usd": float("nan")}, {"tokens": float("inf")}, {"warn_at": 0.0}]
)
def test_a_budget_that_makes_no_sense_is_refused_by_name(figures: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(figures))):
        Budget(RUN, **figures)  # type: ignore[arg-type]


def test_a_call_counts_against_each_account_that_covers_it() -> None:
    found = accounts_of(Payer("acme", "qa", run="r"), Target("openai", "openai", "gpt", key_id="k"))
    assert set(found) == {
        Account(Scope.APP, ""),
        Account(Scope.TENANT, "acme"),
        Account(Scope.PROVIDER, "openai"),
        Account(Scope.KEY, "k"),
        Account(Scope.PROGRAM, "qa", "acme"),
        RUN,
    }
    assert [str(account) for account in sorted(found)][-1] == "tenant acme"
    assert str(Account(Scope.PROGRAM, "qa", "acme")) == "program qa of acme"


class Prices:
    """A microdollar a token, both ways; nothing is known of other providers."""

    def price_of(self, target: Target) -> Price | None:
        return Price(Rates(1e-6, 1e-6), "test") if target.provider == "openai" else None


def paying(model: ScriptedModel, *budgets: Budget) -> tuple[Budgeting, BudgetBook]:
    book = BudgetBook()
    for budget in budgets:
        book.declare(budget)
    return Budgeting(model, book, prices=Prices()), book


def spent_by_run(book: BudgetBook) -> Amount:
    state = book.state(RUN)
    assert state is not None
    assert state.reserved == NOTHING
    return state.spent


@settings(max_examples=30)
@given(
    limit=st.integers(0, 12),
    fates=st.lists(st.sampled_from(["answer", "refused", "reset", "cancelled"]), max_size=20),
    streams=st.booleans(),
)
def test_racing_calls_use_up_a_budget_and_never_exceed_it(
    *, limit: int, fates: list[str], streams: bool
) -> None:
    async def slow(call: RoutedCall) -> JsonMap:
        await asyncio.sleep(1.0)
        match call.call.meta["fate"]:
            case "refused":
                raise RateLimitError("429", status=429)
            case "reset":
                raise TransportError("reset")
            case "cancelled":
                await asyncio.sleep(1e6)
            case _:
                pass
        return response()

    async def scene() -> None:
        model = ScriptedModel(slow)
        steps, book = paying(model, Budget(RUN, calls=limit))

        async def one(fate: str) -> str:
            call = asked(payer=IN_RUN, meta={"fate": fate})
            heard: list[JsonMap | Answer] = []
            task = asyncio.ensure_future(listen(steps, call, heard) if streams else steps.complete(call))
            if fate == "cancelled":
                asyncio.get_running_loop().call_later(5.0, task.cancel)
            try:
                await task
            except BudgetExceededError:
                return "no budget"
            except GatewayError:
                return fate
            except asyncio.CancelledError:
                return "cancelled"
            return "answer"

        outcomes = await asyncio.gather(*[one(fate) for fate in fates])
        assert len(model.calls) == min(limit, len(fates)) == spent_by_run(book).calls
        # One that was called off while it waited was neither sent nor refused.
        left_waiting = len(fates) - len(model.calls) - outcomes.count("no budget")
        assert 0 <= left_waiting <= fates.count("cancelled")

    play(scene)


def test_a_call_waits_while_what_it_needs_may_come_back() -> None:
    """Each call may need 1,000 tokens and more, and uses 5: all ten are answered out of 3,000."""

    async def slow(_: RoutedCall) -> JsonMap:
        await asyncio.sleep(1.0)
        return response(tokens=5)

    async def scene() -> None:
        model = ScriptedModel(slow)
        steps, book = paying(model, Budget(RUN, tokens=3000))
        await asyncio.gather(*[steps.complete(asked(payer=IN_RUN, max_tokens=1000)) for _ in range(10)])
        assert model.most_open == 2
        assert spent_by_run(book) == Amount(10, 50, 0)

    play(scene)


def test_a_refusal_says_whose_budget_it_is_and_what_would_be_needed() -> None:
    async def scene() -> None:
        steps, _ = paying(ScriptedModel(), Budget(RUN, tokens=100))
        with pytest.raises(
            BudgetExceededError, match="the budget of run r is 100 tokens: 0 are spent"
        ) as caught:
            await steps.complete(asked(payer=IN_RUN, max_tokens=90))
        assert (caught.value.account, caught.value.dimension, caught.value.limit) == ("run r", "tokens", 100)
        assert caught.value.needed > 90
        assert not caught.value.was_sent

    play(scene)


@pytest.mark.parametrize(
    ("said", "spent"),
    [
        (response(tokens=5), Amount(1, 5, 5_000)),
        (ServerError("500", status=500), Amount(1, 0, 0)),
        (RateLimitError("429", status=429), Amount(1, 0, 0)),
    ],
    ids=["answered", "server error", "rate limit"],
)
def test_what_is_known_to_cost_nothing_costs_nothing_but_a_call(
    said: JsonMap | GatewayError, spent: Amount
) -> None:
    async def scene() -> None:
        async def cost(call: RoutedCall) -> JsonMap:
            if isinstance(said, GatewayError):
                raise said
            return said

        class Priced(ScriptedModel):
            async def complete(self, call: RoutedCall) -> Answer:
                return replace(await super().complete(call), cost=Cost(5e-6, "test"))

        steps, book = paying(Priced(cost), Budget(RUN, calls=5, usd=1.0))
        await asyncio.gather(steps.complete(asked(payer=IN_RUN)), return_exceptions=True)
        assert spent_by_run(book) == spent

    play(scene)


@pytest.mark.parametrize(
    "error", [TransportError("reset"), ModelTimeoutError("slow")], ids=["reset", "timeout"]
)
def test_what_may_have_been_billed_counts_as_all_that_was_set_aside(error: GatewayError) -> None:
    async def scene() -> None:
        steps, book = paying(ScriptedModel(error), Budget(RUN, tokens=5000))
        with pytest.raises(type(error)):
            await steps.complete(asked(payer=IN_RUN, max_tokens=1000))
        assert 1000 < spent_by_run(book).tokens < 1200

    play(scene)


def test_what_never_left_costs_nothing() -> None:
    async def scene() -> None:
        lost = TransportError("connection refused")
        lost.was_sent = False

        class Queueing(ScriptedModel):
            async def complete(self, call: RoutedCall) -> Answer:
                await asyncio.sleep(1e6)  # waits for a slot: nothing is marked as sent
                raise AssertionError("it was cancelled")

        steps, book = paying(Queueing(), Budget(RUN, calls=1))
        task = asyncio.create_task(steps.complete(asked(payer=IN_RUN)))
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert spent_by_run(book) == NOTHING
        steps, book = paying(ScriptedModel(lost), Budget(RUN, tokens=9000))
        with pytest.raises(TransportError):
            await steps.complete(asked(payer=IN_RUN))
        assert spent_by_run(book).tokens == 0

    play(scene)


def test_money_needs_a_price_unless_the_model_is_here() -> None:
    async def scene() -> None:
        steps, book = paying(ScriptedModel(), Budget(RUN, usd=1.0))
        unknown = replace(TARGET, provider="somebody")
        with pytest.raises(UnpricedModelError, match="'somebody/gpt'"):
            await steps.complete(asked(payer=IN_RUN, target=unknown))
        await steps.complete(asked(payer=IN_RUN, target=replace(unknown, is_local=True)))
        assert spent_by_run(book).calls == 1

    play(scene)


def test_whoever_is_called_off_while_waiting_for_a_budget_gives_its_place_to_the_next() -> None:
    async def scene() -> None:
        model = ScriptedModel(10.0, response())
        steps, book = paying(model, Budget(RUN, tokens=2000))
        calls = [asked(payer=IN_RUN, max_tokens=1000) for _ in range(3)]
        first, second, third = [asyncio.create_task(steps.complete(call)) for call in calls]
        await asyncio.sleep(1.0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        await asyncio.gather(first, third)
        assert (len(model.calls), spent_by_run(book).calls) == (2, 2)

    play(scene)


def test_whoever_waits_goes_on_when_the_budget_is_raised() -> None:
    async def slow(_: RoutedCall) -> JsonMap:
        await asyncio.sleep(100.0)
        return response()

    async def scene() -> None:
        model = ScriptedModel(slow)
        steps, book = paying(model, Budget(RUN, tokens=3000))
        tasks = [asyncio.create_task(steps.complete(asked(payer=IN_RUN, max_tokens=1400))) for _ in range(3)]
        await asyncio.sleep(1.0)
        assert model.open == 2
        book.declare(Budget(RUN, tokens=9000))
        steps.look_again()
        await asyncio.sleep(1.0)
        assert model.open == 3
        await asyncio.gather(*tasks)

    play(scene)


def test_payers_without_a_budget_pass_those_who_wait_for_theirs() -> None:
    async def scene() -> None:
        model = ScriptedModel(10.0, response())
        steps, _ = paying(model, Budget(RUN, tokens=2000))
        first, second = [
            asyncio.create_task(steps.complete(asked(payer=IN_RUN, max_tokens=1000))) for _ in range(2)
        ]
        await asyncio.sleep(1.0)
        await steps.complete(asked(payer=Payer(run="another")))
        assert not second.done()
        await asyncio.gather(first, second)

    play(scene)


def test_watchers_are_told_and_a_warning_is_said_once() -> None:
    async def scene() -> None:
        told: list[tuple[float, bool]] = []
        book = BudgetBook()
        book.declare(Budget(RUN, calls=5, warn_at=0.6))

        def watch(_: BudgetState, after: BudgetState) -> None:
            told.append((after.used, after.is_warned))

        steps = Budgeting(ScriptedModel(), book, watchers=(watch,))
        for _ in range(4):
            await steps.complete(asked(payer=IN_RUN))
        assert told == [(0.2, False), (0.4, False), (0.6, True), (0.8, True)]

    play(scene)
