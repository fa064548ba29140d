"""Refusals: the errors with which the gateway itself ends a call that no provider was asked for."""

from __future__ import annotations

from dspash.gateway.errors import GatewayError

__all__ = [
    "BudgetExceededError",
    "GatewayClosedError",
    "ModelNotAllowedError",
    "ProviderRestingError",
    "RefusedError",
    "UnpricedModelError",
]


class RefusedError(GatewayError):
    """The gateway has not sent a call. Its subclasses say why."""

    was_sent = False


class ModelNotAllowedError(RefusedError):
    """This tenant or program may not use this model. Choose one of `allowed`, or have the host allow it."""

    code = "auth"

    def __init__(self, model: str, *, by: str, allowed: tuple[str, ...]) -> None:
        self.model = model
        self.by = by
        self.allowed = allowed
        super().__init__(
            f"{by} may not use the model {model!r}; allowed are {', '.join(allowed) or 'no models at all'}"
        )


class BudgetExceededError(RefusedError):
    """A budget is spent, or what is left of it may not be enough for this call. Raise the budget, or end the run.

    `account` says whose budget it is, `dimension` what it is of: `calls`, `tokens` or `usd`.
    """

    code = "billing"

    def __init__(self, account: str, dimension: str, *, limit: float, spent: float, needed: float) -> None:
        self.account = account
        self.dimension = dimension
        self.limit = limit
        self.spent = spent
        self.needed = needed
        advice = "" if dimension == "calls" else "; a smaller max_tokens needs less"
        super().__init__(
            f"the budget of {account} is {limit:g} {dimension}: {spent:g} are spent, and this call may need "
            f"{needed:g}{advice}"
        )


class UnpricedModelError(RefusedError):
    """A budget of money covers a model whose price nobody has stated. State its price, or give the budget in tokens."""

    code = "billing"

    def __init__(self, model: str, account: str) -> None:
        self.model = model
        self.account = account
        super().__init__(
            f"no price is known for {model!r}, which the budget of {account} is to pay in US dollars; "
            "state its price, or limit tokens instead"
        )


class ProviderRestingError(RefusedError):
    """A provider failed so often that it is left alone for `retry_after_s`. Retry then, or name a fallback."""

    code = "server"
    can_be_retried = True


class GatewayClosedError(RefusedError):
    """The gateway has been closed. Report: whoever asks now has outlived its app."""

    code = "not_configured"
