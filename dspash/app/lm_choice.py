"""LMChoice: which model an app's programs use, what of its answers is kept, and what they may come to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from dspash.errors import ConfigurationError
from dspash.gateway.budget import EVERYTHING, Account, Budget
from dspash.gateway.lm_call import NO_CACHE, CachePolicy

__all__ = ["OFFLINE", "LMChoice", "read_budget", "read_cache"]

OFFLINE: Final = "offline"
USUAL_CACHE: Final = CachePolicy()
_LIMITS: Final = ("calls", "tokens", "usd")


@dataclass(frozen=True, slots=True)
class LMChoice:
    """`model` is what programs get that name none. `budget` is this app's own, beside those that are kept.

    `history`: every call is kept with what was asked and answered.
    """

    model: str = OFFLINE
    cache: CachePolicy = USUAL_CACHE
    budget: Budget | None = None
    history: bool = True


def read_cache(cache: object, ttl_s: float | None) -> CachePolicy:
    """The policy that `cache` (true or false) and `cache_ttl_s` mean. Raises ConfigurationError."""
    if not isinstance(cache, bool):
        problem = f"{type(cache).__name__} is neither true nor false"
        raise ConfigurationError("cache", problem, "give True or False, and the time as cache_ttl_s")
    if ttl_s is not None and not 0 < ttl_s < math.inf:
        problem = f"{ttl_s!r} is no time"
        raise ConfigurationError("cache_ttl_s", problem, "give seconds above 0, or None to keep answers")
    return CachePolicy(ttl_s=ttl_s) if cache else NO_CACHE


def read_budget(given: object, account: Account = EVERYTHING) -> Budget | None:
    """The budget of `account`, by default of the app: US dollars, or a map of `calls`, `tokens` and `usd`.

    Raises ConfigurationError.
    """
    if given is None:
        return None
    way_out = 'give US dollars, or a map such as {"calls": 1000, "usd": 5.0}'
    limits = cast("Mapping[Any, Any]", given) if isinstance(given, Mapping) else {"usd": given}
    unknown = [name for name in limits if name not in _LIMITS]
    if unknown or not limits:
        problem = f"{unknown[0]!r:.60} is no limit" if unknown else "it limits nothing"
        raise ConfigurationError("budget", problem, way_out)
    for name, limit in limits.items():
        kinds = (int, float) if name == "usd" else (int,)
        if isinstance(limit, bool) or not isinstance(limit, kinds) or not 0 <= limit < math.inf:
            raise ConfigurationError("budget", f"{limit!r:.60} is no number of {name}", way_out)
    return Budget(account, **dict(limits))
