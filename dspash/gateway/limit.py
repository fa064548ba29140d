"""Limit: what one key may do now, by what its owner states and its provider tells. Pure: `now` is given, none waits."""

from __future__ import annotations

import math
from typing import Final

from dspash.gateway.rate_limits import Allowance, RateLimits
from dspash.gateway.target import KeyLimits

__all__ = ["Bucket", "KeyGate", "Pace"]

_MINUTE_S: Final = 60.0
_QUICKEST_S: Final = 1.0
_SLOWEST_S: Final = 86_400.0
"""Between these a limit is back in full; figures that say otherwise are rounded, or no figures of a rate."""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
"""For a provider that says "too many" and not for how long."""


class Bucket:
    """So much of one thing in a minute: a level that is drawn from, and that fills up again evenly."""

    __slots__ = ("_as_of", "capacity", "level", "per_s")

    def __init__(self, capacity: float, now: float) -> None:
        self.capacity = capacity
        self.level = capacity
        self.per_s = capacity / _MINUTE_S
        self._as_of = now

    def __repr__(self) -> str:
        return f"<Bucket {self.level:.1f} of {self.capacity:g}, {self.per_s:g}/s>"

    def wait_s(self, need: float, now: float) -> float:
        """Seconds until `need` is there. What is more than the whole is there when the bucket is full."""
        self._fill(now)
        missing = min(need, self.capacity) - self.level
        return missing / self.per_s if missing > 0 else 0.0

    def draw(self, amount: float, now: float) -> None:
        """Take `amount`, or give back a negative one. The level may go below nothing: then it is a debt."""
        self._fill(now)
        self.level = min(self.level - amount, self.capacity)

    def learn(self, told: Allowance, now: float) -> None:
        """Take over what the provider tells. Others may use the same key: what is left is never more than it says."""
        self._fill(now)
        if told.limit is not None and told.limit > 0:
            self.level += told.limit - self.capacity
            self.capacity, self.per_s = float(told.limit), told.limit / _MINUTE_S
        if told.remaining is not None:
            self.level = min(self.level, told.remaining)
            used = self.capacity - told.remaining
            if told.reset_s is not None and told.reset_s > 0 and used > 0:
                slowest, quickest = self.capacity / _SLOWEST_S, self.capacity / _QUICKEST_S
                self.per_s = min(max(used / told.reset_s, slowest), quickest)

    def _fill(self, now: float) -> None:
        if now > self._as_of:
            self.level = min(self.level + (now - self._as_of) * self.per_s, self.capacity)
            self._as_of = now


class Pace:
    """How fast requests may go out: so many, and so many tokens, a minute; and not before a pause has ended."""

    __slots__ = ("_pauses", "paused_until", "requests", "tokens")

    def __init__(self, requests: Bucket | None = None, tokens: Bucket | None = None) -> None:
        self._pauses = 0
        self.paused_until = -math.inf
        self.requests = requests
        self.tokens = tokens

    def __repr__(self) -> str:
        return f"<Pace {self.requests!r}, {self.tokens!r}>"

    def wait_s(self, tokens: int, now: float) -> float:
        """Seconds until a request with so many tokens may go out."""
        wait_s = max(self.paused_until - now, 0.0)
        if self.requests is not None:
            wait_s = max(wait_s, self.requests.wait_s(1, now))
        if self.tokens is not None:
            wait_s = max(wait_s, self.tokens.wait_s(tokens, now))
        return wait_s

    def draw(self, tokens: int, now: float) -> None:
        """A request goes out."""
        if self.requests is not None:
            self.requests.draw(1, now)
        self.correct(tokens, now)

    def correct(self, tokens: int, now: float) -> None:
        """So many tokens more than were drawn have been used; fewer, when negative."""
        if self.tokens is not None:
            self.tokens.draw(tokens, now)

    def learn(self, told: RateLimits, now: float) -> None:
        """Take over what the provider says."""
        if told.requests is not None:
            self.requests = _learned(self.requests, told.requests, now)
        # A provider that counts both sides apart tells here, too, which of them is shorter.
        tokens = told.tokens or told.input_tokens
        if tokens is not None:
            self.tokens = _learned(self.tokens, tokens, now)

    def work(self) -> None:
        """The provider has taken a request: a pause that it does not time begins with the shortest again."""
        self._pauses = 0

    def pause(self, retry_after_s: float | None, now: float) -> None:
        """The provider has had too many requests: let none out for as long as it says, or twice as long as last time.

        Of answers to calls that went out together only the first lengthens the next pause.
        """
        if retry_after_s is None:
            if now < self.paused_until:
                return
            self._pauses += 1
            retry_after_s = min(FIRST_PAUSE_S * 2.0 ** min(self._pauses - 1, 64), LONGEST_PAUSE_S)
        self.paused_until = max(self.paused_until, now + retry_after_s)


class KeyGate:
    """The limits of one key: how many calls at once, the pace its owner states for it, and the one told for each model.

    Providers count by key and model: what one model has used up says nothing about another.
    """

    __slots__ = ("_told", "in_use", "limits", "stated")

    def __init__(self, limits: KeyLimits, now: float) -> None:
        self._told: dict[str, Pace] = {}
        self.in_use = 0
        self.restate(limits, now)

    def __repr__(self) -> str:
        return f"<KeyGate {self.in_use}/{self.limits.concurrency} in use, {self._told!r}>"

    def restate(self, limits: KeyLimits, now: float) -> None:
        """Take up what the key's owner states; a pace begins anew."""
        self.limits = limits
        self.stated = Pace(_bucket(limits.requests_per_min, now), _bucket(limits.tokens_per_min, now))

    def told(self, model: str) -> Pace:
        """The pace for one model, to note what the provider tells of it."""
        return self._told.setdefault(model, Pace())

    def work(self, model: str) -> None:
        """The provider has taken a request to `model`."""
        told = self._told.get(model)
        if told is not None:
            told.work()

    def counts_tokens(self, model: str) -> bool:
        """Whether the tokens of a call to `model` matter here."""
        return any(pace.tokens is not None for pace in self._paces(model))

    def admit(self, model: str, tokens: int, now: float) -> float:
        """Let one call in that may use so many tokens, and return 0; else the seconds after which to ask again.

        Infinite: when a call has left. The caller then calls `leave`, once.
        """
        if self.in_use >= self.limits.concurrency:
            return math.inf
        paces = self._paces(model)
        wait_s = max(pace.wait_s(tokens, now) for pace in paces)
        if wait_s == 0:
            self.in_use += 1
            for pace in paces:
                pace.draw(tokens, now)
        return wait_s

    def leave(self, model: str, tokens: int, used: int | None, now: float) -> None:
        """A call ends that was let in with `tokens`, and used so many; None when that is not known."""
        self.in_use -= 1
        if used is not None:
            for pace in self._paces(model):
                pace.correct(used - tokens, now)

    def _paces(self, model: str) -> tuple[Pace, ...]:
        """Those that a call to `model` goes by. Models that nothing was told of take no room."""
        told = self._told.get(model)
        return (self.stated,) if told is None else (self.stated, told)


def _bucket(per_min: int | None, now: float) -> Bucket | None:
    return None if per_min is None else Bucket(per_min, now)


def _learned(bucket: Bucket | None, told: Allowance, now: float) -> Bucket | None:
    if bucket is None:
        if told.limit is None or told.limit < 1:
            return None
        bucket = Bucket(told.limit, now)
    bucket.learn(told, now)
    return bucket
