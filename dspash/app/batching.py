"""Batching: many prompts asked at once, each with an outcome of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeAlias

from dspash.app.generation import Batch, BatchItem, Generation
from dspash.app.prompts import Prompt
from dspash.errors import DspashError
from dspash.gateway import Gateway
from dspash.gateway.lm_call import LMCall

__all__ = ["OnItem", "ask_all"]

OnItem: TypeAlias = Callable[[BatchItem], None]


async def ask_all(
    gateway: Gateway,
    prompts: Iterable[Prompt],
    call_for: Callable[[int, Prompt], LMCall],
    *,
    at_once: int,
    on_item: OnItem | None,
) -> Batch:
    """Ask for every prompt, `at_once` of them at a time. On the gateway's loop.

    `call_for` makes the call of a prompt and its place when it is its turn. Only what `on_item` raises ends the others.
    """
    turns = asyncio.Semaphore(at_once)

    async def outcome(index: int, prompt: Prompt) -> BatchItem:
        async with turns:
            try:
                item = BatchItem(index, Generation.of(await gateway.acomplete(call_for(index, prompt))))
            except DspashError as error:
                item = BatchItem(index, error=error)
        if on_item is not None:
            on_item(item)
        return item

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(outcome(index, prompt)) for index, prompt in enumerate(prompts)]
    return Batch([task.result() for task in tasks])
