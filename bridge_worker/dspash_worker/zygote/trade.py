"""Trade: what the workers of a zygote will do, learnt before the first of them is forked."""

from __future__ import annotations

import importlib
import select
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from dspash_worker.exit import ExitCode
from dspash_worker.options import Options
from dspash_worker.stdio import Pipes

if TYPE_CHECKING:
    from dspash_worker.domain import Domain, Workbench

__all__ = ["Prepare", "Serve", "Terms", "Trade", "learn"]


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms workers serve: all that is known of them before their birth.

    `layers` are those they will be confined by, which the host is told. `pid` is the number that each will have, if they
    will all have the same. `opening` are the frames of its host that each has heard at its birth.
    """

    options: Options
    layers: tuple[str, ...] = ()
    pid: int | None = None
    opening: tuple[bytes, ...] = ()


Serve: TypeAlias = Callable[[Pipes], ExitCode]
"""Serves a host until it says stop, and returns why that was. For one fork of the process that prepared it."""

Prepare: TypeAlias = Callable[[Terms], Serve]
"""Does beforehand, once for all workers with the same terms, what each would do at its birth. Raises ValueError."""

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


def learn(trade: Trade) -> Prepare:
    """Import and warm what the trade takes: about a second for programs, some ms for an interpreter."""
    return _learn_programs() if trade is Trade.PROGRAMS else _learn_interpreter()


def _learn_programs() -> Prepare:
    from dspash_worker.domain import load_dspy

    domain = load_dspy()
    from dspash_worker.worker import Worker, set_up_process
    from dspash_worker.zygote.rehearsing import rehearse
    from dspash_worker.zygote.warming import warm

    warm()
    set_up_process()
    workbench = domain.open(True)  # noqa: FBT003 - of a full session
    rehearse(domain, workbench)
    shared = _with_workbench(domain, workbench)

    def prepare(terms: Terms) -> Serve:
        # What is said in an opening stays in the workbench, which is then theirs alone who have heard it.
        worker = Worker(
            terms.options, domain if terms.opening else shared, layers=terms.layers, pid=terms.pid
        )
        hears_before = terms.pid is not None and worker.starts_no_thread
        if hears_before:
            worker.hear(terms.opening)

        def serve(pipes: Pipes) -> ExitCode:
            if not hears_before:
                worker.hear(terms.opening)
            if not terms.layers and _is_left_alone(pipes):
                warm()  # it is to stand by: what it touches now, and so copies, it need not copy when it is wanted
            return worker.serve(pipes)

        return serve

    return prepare


def _with_workbench(domain: Domain, workbench: Workbench) -> Domain:
    """Return the domain with this workbench for full sessions. To open one takes 1 ms in a fork, most of it to copy what it
    touches.
    """
    return replace(domain, open=lambda full: workbench if full else domain.open(full))


def _is_left_alone(pipes: Pipes) -> bool:
    """Whether its host has nothing to say to it for a while."""
    arrived = select.poll()
    arrived.register(pipes.reading, select.POLLIN)
    return not arrived.poll(_ALONE_MS)


def _learn_interpreter() -> Prepare:
    from dspash_worker.allocation import keep_large_blocks
    from dspash_worker.interpreter.server import rehearse, serve

    for name in _WORK_OF_SCRIPTS.split():
        importlib.import_module(name)
    keep_large_blocks()
    rehearse()

    def prepare(terms: Terms) -> Serve:
        if terms.opening:
            raise ValueError("an interpreter hears its host through its channel only")
        return lambda pipes: serve(pipes, max_frame=terms.options.max_frame, layers=terms.layers)

    return prepare
