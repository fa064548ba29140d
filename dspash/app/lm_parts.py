"""LM parts: the gateway of an app, and what it keeps its calls, answers, journals and budgets with."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from loguru import logger

from dspash.app.lm_choice import OFFLINE, LMChoice
from dspash.app.on_first_use import DirectoryOnFirstUse, ProvidersOnFirstUse, WiresOnFirstUse
from dspash.app.records import Records
from dspash.errors import DspashError, StoreError
from dspash.gateway import Gateway
from dspash.gateway.budget import BudgetBook
from dspash.gateway.offline import OfflineModel
from dspash.gateway.pipeline import PipelineParts
from dspash.gateway.price import PriceTable
from dspash.gateway.providers.directory import ConfiguredProviders, EnvironmentOnly, ProviderDirectory
from dspash.gateway.refusals import RefusedError
from dspash.resources.lm.budget_keeper import BudgetKeeper
from dspash.resources.lm.cache_store import StoredCache
from dspash.resources.lm.journal import StoredJournal
from dspash.resources.lm.ledger import StoredLedger

if TYPE_CHECKING:
    from dspash.resources.recording import Recorder

__all__ = ["LMParts", "assemble_gateway"]

READERS: Final = 4
"""Threads that wait for the database while the gateway's loop goes on."""


@dataclass(frozen=True, slots=True)
class LMParts:
    """The gateway and what is behind it; None is what an app has not that keeps nothing."""

    gateway: Gateway
    prices: PriceTable
    journal: StoredJournal | None
    keeper: BudgetKeeper | None
    readers: Executor

    def close(self) -> None:
        """Abandon the calls that are under way, and write what is still to be kept. Idempotent and bounded."""
        self.gateway.close()
        if self.journal is not None:
            try:
                self.journal.close()
            except StoreError as error:
                logger.warning("answers that nobody got are not journaled: {}", error)
        if self.keeper is not None:
            self.keeper.close()
        self.readers.shutdown(cancel_futures=True)


def assemble_gateway(choice: LMChoice, records: Records, recorder: Recorder | None) -> LMParts:
    """Make the gateway. Nothing is opened or loaded before it is needed. Raises UnsupportedModelError."""
    book = BudgetBook()
    if choice.budget is not None:
        book.declare(choice.budget)
    readers = ThreadPoolExecutor(READERS, thread_name_prefix="dspash-lm-store")
    providers = ProvidersOnFirstUse(partial(_configured, records, readers))
    directory = ProviderDirectory(providers, default=choice.model)
    journal = keeper = None
    if records.are_kept:
        journal = StoredJournal(records.scene, readers)
        keeper = BudgetKeeper(book, records.scene)
    gateway = Gateway(
        {OFFLINE: OfflineModel()},
        default=choice.model,
        directory=DirectoryOnFirstUse(directory, _nothing if keeper is None else _reading(keeper)),
        parts=PipelineParts(
            upstream=WiresOnFirstUse(directory),
            prices=directory,
            budgets=book,
            watchers=() if keeper is None else (keeper.spent,),
            ledger=None if recorder is None or not choice.history else StoredLedger(recorder),
            cache_store=None if recorder is None else StoredCache(records.scene, recorder, readers),
            journal=journal,
        ),
    )
    if keeper is not None:
        keeper.look_again = gateway.look_again
    return LMParts(gateway, directory, journal, keeper, readers)


def _configured(records: Records, readers: Executor) -> ConfiguredProviders:
    """The providers that are kept, and those of the environment."""
    from dspash.gateway.providers.environment import environment_roster

    if not records.are_kept:
        return EnvironmentOnly(environment_roster(os.environ))
    from dspash.resources.lm.stored_providers import StoredProviders
    from dspash.secrets import user_vault

    environment = partial(environment_roster, os.environ)
    return StoredProviders(records.scene, user_vault(os.environ), environment, readers)


def _reading(keeper: BudgetKeeper) -> Callable[[], None]:
    """Have the budgets that are kept, before the first call that costs something."""

    def read() -> None:
        try:
            keeper.look()
        except DspashError as error:
            raise RefusedError(f"it is not known what may be spent: {error}") from error
        keeper.start()

    return read


def _nothing() -> None:
    """There is nothing to prepare."""
