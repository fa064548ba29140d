"""Trade: what the workers of a zygote will do, learnt before the first of them is forked."""

from __future__ import annotations

import importlib
import select
from collections.abc import Callable, Collection
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from dspash_worker.exit import ExitCode
from dspash_worker.options import Options
from dspash_worker.stdio import Pipes

if TYPE_CHECKING:
    from dspash_worker.domain import Domain, Workbench

__all__ = ["Serve", "Trade", "learn"]

Serve: TypeAlias = Callable[[Pipes, Options, Collection[str]], ExitCode]
"""Serves a host until it says stop, and returns why that was. Given the layers the process is confined by, to tell."""

_WORK_OF_SCRIPTS: Final = (
    "asyncio collections concurrent.futures csv datetime decimal fractions functools heapq io itertools json math operator"
    " pathlib random re statistics string textwrap threading typing"
)
"""What code that a model writes imports most; it is there already, for a few hundred KiB that all forks share."""

_ALONE_MS: Final = 20


class Trade(StrEnum):
    """What a zygote's workers are for."""

    PROGRAMS = "programs"  # DSPy's modules and programs
    INTERPRETER = "interpreter"  # code that a model writes


def learn(trade: Trade) -> Serve:
    """Import and warm what the trade takes: about a second for programs, some ms for an interpreter."""
    return _learn_programs() if trade is Trade.PROGRAMS else _learn_interpreter()


def _learn_programs() -> Serve:
    from dspash_worker.domain import load_dspy

    domain = load_dspy()
    from dspash_worker.allocation import keep_large_blocks
    from dspash_worker.worker import run
    from dspash_worker.zygote.rehearsing import rehearse
    from dspash_worker.zygote.warming import warm

    warm()
    keep_large_blocks()
    workbench = domain.open(True)  # noqa: FBT003 - of a full session
    rehearse(domain, workbench)
    domain = _with_workbench(domain, workbench)

    def serve(pipes: Pipes, options: Options, layers: Collection[str]) -> ExitCode:
        if not layers and _is_left_alone(pipes):
            warm()  # it is to stand by: what it touches now, and so copies, it need not copy when it is wanted
        return run(pipes, options, domain, layers=layers)

    return serve


def _with_workbench(domain: Domain, workbench: Workbench) -> Domain:
    """Return the domain with this workbench for full sessions. To open one takes 1 ms in a fork, most of it to copy what it
    touches. The thread that forks is the one to which DSPy's settings then belong in the fork, too.
    """
    return replace(domain, open=lambda full: workbench if full else domain.open(full))


def _is_left_alone(pipes: Pipes) -> bool:
    """Whether its host has nothing to say to it for a while."""
    arrived = select.poll()
    arrived.register(pipes.reading, select.POLLIN)
    return not arrived.poll(_ALONE_MS)


def _learn_interpreter() -> Serve:
    from dspash_worker.allocation import keep_large_blocks
    from dspash_worker.interpreter.server import rehearse, serve

    for name in _WORK_OF_SCRIPTS.split():
        importlib.import_module(name)
    keep_large_blocks()
    rehearse()
    return lambda pipes, options, layers: serve(pipes, max_frame=options.max_frame, layers=layers)
