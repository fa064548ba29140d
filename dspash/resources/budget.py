"""Budget: how much the calls of language models may come to, and how much they have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from dspash.errors import ConflictError, InvalidInputError, Problem
from dspash.resources.kernel import Attribute, Resource, Scene, Values, create, update

__all__ = ["Budget", "period_at"]

Scope = Literal["tenant", "program", "run", "provider", "key"]
Period = Literal["total", "day", "month"]
_PERIODS: Final[Mapping[str, str]] = {"total": "", "month": "%Y-%m", "day": "%Y-%m-%d"}

Calls = Annotated[int, Field(ge=0)]
Cost = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class Budget(Resource, table="budgets"):
    """A limit for calls, tokens or money. What is spent of it is kept, whoever spends it, and not audited.

    A call that it has no room for is refused. What a call may come to is set aside before it is made, so that one process
    never exceeds it; of several processes, each knows within a second what the others have spent. Whose calls are
    counted has one budget at most.
    """

    name: Annotated[str, Attribute("How people refer to it.", unique=True, max_length=200)]
    scope: Annotated[Scope, Attribute("Whose calls count: all, or those of one subject.", max_length=20)]
    subject: Annotated[
        str,
        Attribute("The program's or provider's name, the run's id, the key's fingerprint.", max_length=500),
    ] = ""
    period: Annotated[
        Period, Attribute("When it begins anew: every day or month, in UTC, or never.", max_length=20)
    ] = "total"
    max_calls: Annotated[int | None, Attribute("The most calls.")] = None
    max_tokens: Annotated[int | None, Attribute("The most tokens, read and written.")] = None
    max_cost: Annotated[float | None, Attribute("The most money, in US dollars.")] = None
    warn_at: Annotated[float, Attribute("The share of it that is warned of, once.")] = 0.8
    spent_calls: Annotated[int, Attribute("Calls made in this period.")] = 0
    spent_tokens: Annotated[int, Attribute("Tokens used in this period.")] = 0
    spent_nanos: Annotated[int, Attribute("Money spent in this period, in billionths of a US dollar.")] = 0
    spent_in: Annotated[str, Attribute("The period that this was spent in.", max_length=20)] = ""

    def spent_at(self, now: datetime) -> dict[str, float]:
        """What is spent of it in the period that `now` is in: `spent_calls`, `spent_tokens`, `spent_cost` in US dollars."""
        is_current = self.spent_in == period_at(self.period, now)
        figures = (self.spent_calls, self.spent_tokens, self.spent_nanos / 1_000_000_000)
        names = ("spent_calls", "spent_tokens", "spent_cost")
        return {name: figure if is_current else 0 for name, figure in zip(names, figures, strict=True)}

    @create
    def create(
        scene: Scene,
        *,
        name: str,
        scope: Scope = "tenant",
        subject: str = "",
        period: Period = "total",
        max_calls: Calls | None = None,
        max_tokens: Calls | None = None,
        max_cost: Cost | None = None,
        warn_at: Share = 0.8,
    ) -> Values:
        """Set a limit for all calls of the tenant, or for those of one `subject`: a program, run, provider or key."""
        if scope == "tenant" and subject:
            raise InvalidInputError.of([Problem("$.subject", "all calls of the tenant have no subject")])
        if scope != "tenant" and not subject:
            raise InvalidInputError.of([Problem("$.subject", f"needs to say which {scope}")])
        _require_limit(max_calls, max_tokens, max_cost)
        others = scene.of(Budget).list(filter={"scope": scope, "subject": subject}, limit=1).items
        if others:
            raise ConflictError(
                resource="Budget",
                conflict="unique",
                problem=f"the budget {others[0].name!r} is for the same calls",
                way_out="update that one, or destroy it first",
            )
        return {
            "name": name,
            "scope": scope,
            "subject": subject,
            "period": period,
            "max_calls": max_calls,
            "max_tokens": max_tokens,
            "max_cost": max_cost,
            "warn_at": warn_at,
        }

    @update
    def update(
        scene: Scene,
        record: Budget,
        *,
        max_calls: Calls | None = None,
        max_tokens: Calls | None = None,
        max_cost: Cost | None = None,
        warn_at: Share | None = None,
    ) -> Values:
        """Change the limits that are given. What was spent counts on."""
        given = {"max_calls": max_calls, "max_tokens": max_tokens, "max_cost": max_cost, "warn_at": warn_at}
        return {name: value for name, value in given.items() if value is not None}

    @update
    def reset(scene: Scene, record: Budget) -> Values:
        """Begin anew: nothing is spent."""
        return {"spent_calls": 0, "spent_tokens": 0, "spent_nanos": 0}


def period_at(period: str, now: datetime) -> str:
    """The name of the period that `now` is in; those of one budget are told apart by it."""
    return now.strftime(_PERIODS[period])


def _require_limit(*limits: object) -> None:
    if all(limit is None for limit in limits):
        message = "needs one of max_calls, max_tokens and max_cost"
        raise InvalidInputError.of([Problem("$", message)])
