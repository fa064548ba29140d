"""LanguageModels: `app.lm`, the gateway for the host itself, and what is kept of all its calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from dspash.app.batching import OnItem, ask_all
from dspash.app.estimating import estimate_by_history, estimate_by_prompts
from dspash.app.generation import Batch, Estimate, Generation
from dspash.app.prompts import Prompt, request_of
from dspash.app.records import Records
from dspash.errors import ConfigurationError
from dspash.gateway import Gateway
from dspash.gateway.lm_call import NO_CACHE, CachePolicy, LMCall, Payer
from dspash.gateway.port import JsonMap
from dspash.gateway.price import PriceTable
from dspash.gateway.upstream import TokenCount
from dspash.gateway.waiting import awaited, result_of
from dspash.supervision.validation import require_count, require_period

if TYPE_CHECKING:
    from dspash.resources.budget import Budget
    from dspash.resources.lm import Grouping, LMUsage
    from dspash.resources.lm.budget_keeper import BudgetKeeper
    from dspash.resources.lm_request import LMRequest
    from dspash.resources.recording import Recorder

__all__ = ["LanguageModels"]


AT_ONCE: Final = 64
"""Prompts of one batch that are out at a time, unless it says otherwise; the limits of keys hold besides."""


@dataclass(frozen=True, slots=True)
class _Terms:
    """How calls are made that say nothing more."""

    payer: Payer
    cache: CachePolicy
    timeout_s: float


class LanguageModels:
    """`app.lm`: asks models directly, and tells what all calls of the app and its programs have come to.

    Thread-safe; those named `a…` are awaited, on any event loop. A model is an alias, `provider/model`, or by default that
    of the app. Errors of calls are GatewayErrors.
    """

    def __init__(
        self,
        gateway: Gateway,
        records: Records,
        recorder: Recorder | None,
        keeper: BudgetKeeper | None,
        *,
        prices: PriceTable,
        payer: Payer,
        cache: CachePolicy,
        timeout_s: float,
    ) -> None:
        self._gateway = gateway
        self._records = records
        self._recorder = recorder
        self._keeper = keeper
        self._prices = prices
        self._usual = _Terms(payer, cache, timeout_s)

    def __repr__(self) -> str:
        return f"<LanguageModels {self._gateway!r}>"

    # --- asking ---

    def generate(
        self,
        prompt: Prompt,
        *,
        model: str | None = None,
        system: str | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        cache: bool = True,
        rollout_id: int | None = None,
        timeout_s: float | None = None,
        **options: Any,
    ) -> Generation:
        """Ask a model once and wait for its answer.

        `options` are settings such as `temperature` and `max_tokens`. `cache=False` neither looks for a kept answer nor keeps
        this one; equal prompts with different `rollout_id`s are different samples. Raises InvalidInputError and
        GatewayError.
        """
        request = request_of(prompt, model=model, system=system, tools=tools, options=options)
        return Generation.of(
            result_of(
                self._gateway.submit(
                    self._call(request, cache=cache, rollout_id=rollout_id, timeout_s=timeout_s)
                )
            )
        )

    async def agenerate(
        self,
        prompt: Prompt,
        *,
        model: str | None = None,
        system: str | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        cache: bool = True,
        rollout_id: int | None = None,
        timeout_s: float | None = None,
        **options: Any,
    ) -> Generation:
        """The same, awaited. Cancelling the task drops the connection."""
        request = request_of(prompt, model=model, system=system, tools=tools, options=options)
        return Generation.of(
            await self._gateway.acomplete(
                self._call(request, cache=cache, rollout_id=rollout_id, timeout_s=timeout_s)
            )
        )

    def generate_batch(
        self,
        prompts: Iterable[Prompt],
        *,
        model: str | None = None,
        system: str | None = None,
        at_once: int = AT_ONCE,
        cache: bool = True,
        timeout_s: float | None = None,
        on_item: OnItem | None = None,
        **options: Any,
    ) -> Batch:
        """Ask for every prompt, `at_once` of them at a time, and wait for all. What fails is told in its item alone.

        `timeout_s` is what each prompt gets. `on_item` is called as each ends, on the gateway's thread: it must be quick.
        """
        told: dict[str, Any] = {"model": model, "system": system, "options": options}
        batch = self._batch(prompts, at_once, on_item, cache=cache, timeout_s=timeout_s, **told)
        return result_of(batch)

    async def agenerate_batch(
        self,
        prompts: Iterable[Prompt],
        *,
        model: str | None = None,
        system: str | None = None,
        at_once: int = AT_ONCE,
        cache: bool = True,
        timeout_s: float | None = None,
        on_item: OnItem | None = None,
        **options: Any,
    ) -> Batch:
        """The same, awaited. Cancelling the task abandons those that are out."""
        told: dict[str, Any] = {"model": model, "system": system, "options": options}
        batch = self._batch(prompts, at_once, on_item, cache=cache, timeout_s=timeout_s, **told)
        return await awaited(asyncio.wrap_future(batch))

    # --- before asking ---

    def count_tokens(
        self, prompt: Prompt, *, model: str | None = None, system: str | None = None
    ) -> TokenCount:
        """How many tokens the prompt has, and `how` that is known: from the provider, a tokenizer, or an estimate."""
        return asyncio.run(self.acount_tokens(prompt, model=model, system=system))

    async def acount_tokens(
        self, prompt: Prompt, *, model: str | None = None, system: str | None = None
    ) -> TokenCount:
        """The same, awaited."""
        request = request_of(prompt, model=model, system=system)
        return await self._gateway.count_tokens(self._call(request))

    def estimate(
        self,
        prompts: str | Sequence[Prompt] = (),
        *,
        program: str | None = None,
        calls: int | None = None,
        model: str | None = None,
        max_tokens: int | None = None,
    ) -> Estimate:
        """What asking for `prompts` may come to, or `calls` calls of `program`, going by those that it has made.

        Raises ConfigurationError for a program that has made none yet.
        """
        target = self._gateway.targets(model, self._usual.payer.tenant)[0]
        price = self._prices.price_of(target)
        if program is not None:
            if prompts:
                raise ConfigurationError(
                    "prompts", "a program's calls have their own", "leave one of them out"
                )
            require_count("calls", 1 if calls is None else calls, least=1)
            past = self.usage(program=program)
            return estimate_by_history(target, price, program, past, 1 if calls is None else calls)
        options = {} if max_tokens is None else {"max_tokens": max_tokens}
        given: Sequence[Prompt] = [prompts] if isinstance(prompts, str) else prompts
        asked = [
            self._call(request_of(prompt, model=model, options=options, path=f"$.prompts[{index}]"))
            for index, prompt in enumerate(given)
        ]
        return estimate_by_prompts(target, price, asked)

    # --- afterwards ---

    def inspect_history(
        self,
        n: int = 10,
        *,
        program: str | None = None,
        run: str | None = None,
        model: str | None = None,
        failed: bool = False,
    ) -> tuple[LMRequest, ...]:
        """The last `n` calls of this app's tenant, the newest first. Raises ConfigurationError where nothing is kept."""
        from dspash.resources.lm_request import LMRequest

        self.flush()
        chosen: dict[str, Any] = {"program": program, "run": run, "model": model}
        chosen = {name: value for name, value in chosen.items() if value is not None}
        if failed:
            chosen["status"] = "failed"
        return self._records.of(LMRequest).list(filter=chosen, sort="-created_at", limit=n).items

    def usage(
        self,
        by: Grouping | Sequence[Grouping] = (),
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        program: str | None = None,
        run: str | None = None,
        model: str | None = None,
        provider: str | None = None,
    ) -> list[LMUsage]:
        """Calls, tokens, cost and latencies, by provider, model, program, run or day, or several of those.

        Raises ConfigurationError, also where nothing is kept.
        """
        from dspash.resources.lm import usage_of

        self.flush()
        chosen = {"program": program, "run": run, "model": model, "provider": provider}
        groups = (by,) if isinstance(by, str) else tuple(by)
        return usage_of(self._records.scene(), groups, chosen, since=since, until=until)

    def set_budget(
        self,
        name: str,
        *,
        scope: Literal["tenant", "program", "run", "provider", "key"] = "tenant",
        subject: str = "",
        period: Literal["total", "day", "month"] = "total",
        calls: int | None = None,
        tokens: int | None = None,
        usd: float | None = None,
        warn_at: float | None = None,
    ) -> Budget:
        """Limit what calls may come to, from now on: make a budget of that name, or change the limits of the one there is.

        Past a share `warn_at` (0.8) of it a warning is logged, once. One that is made otherwise, also by another process,
        holds within a second. Raises InvalidInputError, ConflictError, and ConfigurationError where nothing is kept.
        """
        from dspash.resources.budget import Budget

        budgets = self._records.of(Budget)
        limits: dict[str, Any] = {"max_calls": calls, "max_tokens": tokens, "max_cost": usd}
        if warn_at is not None:
            limits["warn_at"] = warn_at
        if budgets.count(filter={"name": name}):
            made = budgets.update(name, **limits)
        else:
            made = budgets.create(name=name, scope=scope, subject=subject, period=period, **limits)
        if self._keeper is not None:
            self._keeper.look()
            self._keeper.start()
        return made

    def clear_cache(self, model: str | None = None) -> int:
        """Remove all answers from the cache, or those of one model; how many were kept."""
        self._gateway.forget_cached(self._usual.payer.tenant)
        if not self._records.are_kept:
            return 0
        from dspash.resources.cache_entry import CacheEntry

        self.flush()
        return self._records.of(CacheEntry).clear(model=model)["removed"]

    def flush(self) -> None:
        """Wait until what has happened so far is in the database. Raises StoreError."""
        if self._recorder is not None:
            self._recorder.flush()

    # --- below ---

    def _call(
        self,
        request: JsonMap,
        *,
        cache: bool = True,
        rollout_id: int | None = None,
        timeout_s: float | None = None,
    ) -> LMCall:
        limit_s = self._usual.timeout_s if timeout_s is None else timeout_s
        require_period("timeout_s", limit_s)
        return LMCall(
            request,
            {} if rollout_id is None else {"rollout_id": rollout_id},
            time.monotonic() + limit_s,
            self._usual.payer,
            self._usual.cache if cache else NO_CACHE,
        )

    def _batch(
        self,
        prompts: Iterable[Prompt],
        at_once: int,
        on_item: OnItem | None,
        *,
        cache: bool,
        timeout_s: float | None,
        **told: Any,
    ) -> Future[Batch]:
        require_count("at_once", at_once, least=1)

        def call_for(index: int, prompt: Prompt) -> LMCall:
            request = request_of(prompt, path=f"$.prompts[{index}]", **told)
            return self._call(request, cache=cache, timeout_s=timeout_s)

        return self._gateway.run(ask_all(self._gateway, prompts, call_for, at_once=at_once, on_item=on_item))
