"""What outlives a call: the ports through which the gateway keeps answers, runs' journals and its own record.

The gateway calls them on its event loop. What is `async` may wait there; what is not returns at once, and writes later.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from dspash.gateway.answer import Answer, Attempt
from dspash.gateway.errors import GatewayError
from dspash.gateway.lm_call import LMCall
from dspash.gateway.port import JsonMap
from dspash.gateway.target import Target

__all__ = ["CacheStore", "Exchange", "Journal", "JournalEntry", "KeptAnswer", "Ledger", "Outcome"]


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """One answer in the cache. Nothing tells who asked."""

    tenant: str
    key: str
    response: JsonMap
    provider: str
    model: str
    kept_at: float
    """Seconds since the epoch."""
    expires_at: float | None
    """The same; None: never."""


class CacheStore(Protocol):
    """Where cached answers outlive the process."""

    async def get(self, tenant: str, key: str) -> KeptAnswer | None:
        """What is kept under `key` for `tenant`, expired or not; None when nothing is, or it cannot be read."""
        ...

    def put(self, kept: KeptAnswer) -> None:
        """Keep an answer, in place of what was kept under its key. It may be lost when the host is killed now."""
        ...


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One answer that a run was given: `occurrence` counts, from 0, the equal calls of the run that had one each."""

    run: str
    key: str
    occurrence: int
    response: JsonMap
    provider: str
    model: str


class Journal(Protocol):
    """What runs have been told, so that a run can be repeated without asking again."""

    async def find(self, run: str, key: str, occurrence: int) -> JournalEntry | None:
        """What the run was told there; None when it never got that far."""
        ...

    async def append(self, entry: JournalEntry) -> None:
        """Return when the entry would survive a power failure: only then is the answer delivered.

        Appending where there is an entry already changes nothing. Raises GatewayError when it cannot be kept.
        """
        ...


class Outcome(StrEnum):
    """How an exchange ended."""

    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """Nobody waited for the answer any more."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and what came of it. The maps are the caller's: read them, or write them down, before returning."""

    call: LMCall
    target: Target
    """The one that answered, or the one asked first."""
    outcome: Outcome
    began_at: float
    """Seconds since the epoch."""
    latency_s: float
    answer: Answer | None = None
    error: GatewayError | None = None
    attempts: tuple[Attempt, ...] = ()


class Ledger(Protocol):
    """The record of every exchange: what history and usage are read from."""

    def record(self, exchange: Exchange) -> None:
        """Take note of one exchange. Called on any thread; never raises and never waits."""
        ...
