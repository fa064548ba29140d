"""Pipeline: the way of every call, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dspash.gateway.answer import Source
from dspash.gateway.attempts import Attempts
from dspash.gateway.authorise import Authorise, Permission
from dspash.gateway.budget import BudgetBook
from dspash.gateway.budgeting import Budgeting, BudgetWatcher
from dspash.gateway.cache import Cache
from dspash.gateway.deadline import Deadline
from dspash.gateway.flight import SingleFlight
from dspash.gateway.journaling import Journaling
from dspash.gateway.keeping import CacheStore, Journal, Ledger
from dspash.gateway.limiting import Limiting
from dspash.gateway.model import AsyncModel, RoutedCall
from dspash.gateway.port import LanguageModel
from dspash.gateway.price import PriceTable
from dspash.gateway.recording import KEPT, SENT, Page, Recording
from dspash.gateway.retry import RetryPolicy
from dspash.gateway.sending import Sending
from dspash.gateway.upstream import Upstream

__all__ = ["Pipeline", "PipelineParts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineParts:
    """What a pipeline goes by. What is None is not kept, or not known."""

    upstream: Upstream | None = None
    local: Mapping[str, LanguageModel] = field(default_factory=dict[str, LanguageModel])
    prices: PriceTable | None = None
    budgets: BudgetBook = field(default_factory=BudgetBook)
    watchers: tuple[BudgetWatcher, ...] = ()
    permissions: tuple[Permission, ...] = ()
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    ledger: Ledger | None = None
    cache_store: CacheStore | None = None
    journal: Journal | None = None


class Pipeline:
    """The steps in their order; a call goes in at `first`. Those that others have to do with are named.

    What is kept stands before what is paid: an answer from the journal or the cache costs nothing, and a resumed run
    whose budget is spent still gets all that it was told before. What may be billed, an attempt, is paid for by
    itself: budget and limit stand behind the retries. Of the two the budget comes first, so that nobody who waits for
    one holds a slot that another needs to finish.
    """

    def __init__(self, parts: PipelineParts) -> None:
        self._recordings: dict[frozenset[Source], Recording] = {}
        sending = Sending(parts.upstream, parts.local, prices=parts.prices)
        limiting = Limiting(sending)
        self.budgeting = Budgeting(limiting, parts.budgets, prices=parts.prices, watchers=parts.watchers)
        attempts = Attempts(self.budgeting, parts.retry)
        sent = self._recorded(attempts, parts.ledger, SENT)
        flight = SingleFlight(sent)
        self.cache = Cache(flight, parts.cache_store)
        self.journaling = None if parts.journal is None else Journaling(self.cache, parts.journal)
        kept = self._recorded(self.journaling or self.cache, parts.ledger, KEPT)
        authorise = Authorise(kept, parts.permissions)
        self.first: AsyncModel = Deadline(authorise)

    @property
    def is_recorded(self) -> bool:
        """Whether there is a ledger."""
        return bool(self._recordings)

    def page(self, call: RoutedCall, sources: frozenset[Source]) -> Page | None:
        """A page of the record, for a call that does not go this way; None where nothing is recorded."""
        recording = self._recordings.get(sources)
        return None if recording is None else recording.page(call)

    def _recorded(
        self, following: AsyncModel, ledger: Ledger | None, sources: frozenset[Source]
    ) -> AsyncModel:
        if ledger is None:
            return following
        self._recordings[sources] = Recording(following, ledger, sources)
        return self._recordings[sources]
