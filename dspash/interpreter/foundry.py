"""Foundry: starts the workers of interpreters, from a zygote that is kept warm for the next one."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import socket
import sys
import threading
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from dspash.bridge.environment import worker_environment
from dspash.bridge.forked import ForkedProcess
from dspash.bridge.launch import LaunchSpec, launch
from dspash.bridge.mailbox import Mailbox
from dspash.bridge.nursery import NoZygoteError, Nursery
from dspash.bridge.process import Process
from dspash.bridge.pump import Pump
from dspash.interpreter.kernel import Kernel
from dspash.sandbox import Limits, Tier, Trade, ZygoteSpec, find_containment, plan_for
from dspash_protocol.confinement_plan import ConfinementPlan, WorkerOptions

__all__ = ["Foundry", "close_shared", "shared_foundry"]

START_S: Final = 60.0
"""How long a worker may take to exist: its zygote may be the first of its kind, on a busy machine."""

MODULE: Final = "dspash_worker.interpreter"

EXECUTIONS: Final = 100  # of one interpreter that may each use all their CPU time

_Started: TypeAlias = "tuple[Process | ForkedProcess, socket.socket]"


@dataclass(frozen=True, slots=True)
class _Order:
    """Which worker is wanted."""

    spec: ZygoteSpec
    plan: ConfinementPlan


class Foundry:
    """Starts workers; owns a zygote of each kind that was asked for, and the threads that look after it.

    Workers are the caller's to end. Any thread may call.
    """

    def __init__(self) -> None:
        with contextlib.ExitStack() as undo:
            self._pump = Pump("dspash-interpreter-pump")
            undo.callback(self._pump.close)
            self._mailbox = Mailbox("dspash-interpreters")
            undo.callback(self._mailbox.close)
            self._orders: dict[tuple[Tier, Limits], _Order] = {}
            self._nursery = Nursery(self._pump, self._mailbox, boot_timeout_s=START_S)
            undo.pop_all()

    def __repr__(self) -> str:
        return f"<Foundry {self._nursery!r}>"

    def start(self, tier: Tier, limits: Limits) -> Kernel:
        """Start a worker, which is the caller's to greet and to end.

        Raises SandboxUnavailableError when the tier cannot be had here, OSError when it cannot be started.
        """
        order = self._order(tier, limits)
        started: Future[_Started] = Future()
        self._mailbox.cast(functools.partial(self._spawn, order, started))
        try:
            process, sock = started.result(START_S)
        except TimeoutError:
            started.add_done_callback(self._abandon)
            raise OSError(f"no worker within {START_S:g} s") from None
        except BaseException:
            started.add_done_callback(self._abandon)
            raise
        layers = order.plan.layers if tier.is_sandbox else frozenset[str]()
        return Kernel(process, sock, limits, layers=layers, release=self._release)

    def bury(self, kernel: Kernel) -> None:
        """Kill a worker now, and let go of it in a moment: for callers that must not wait."""
        kernel.kill()
        self._mailbox.cast(kernel.end)

    def close(self) -> None:
        """End the zygotes and the threads. Workers that are left end with them."""
        self._mailbox.cast(self._nursery.close)
        self._mailbox.close()
        self._mailbox.join()
        self._pump.close()

    def let_go(self) -> None:
        """Close what came along into a fork of this process; the threads did not."""
        self._nursery.let_go()

    def _order(self, tier: Tier, limits: Limits) -> _Order:
        """What such a worker takes. Found once: looking where this interpreter has its files costs some ms."""
        order = self._orders.get((tier, limits))
        if order is None:
            environment = None if tier.is_sandbox else worker_environment({})
            spec = ZygoteSpec.of(
                python=sys.executable, tier=tier, trade=Trade.INTERPRETER, environment=environment
            )
            order = _Order(spec, plan_for(spec, _of_session(limits), WorkerOptions(concurrency=1)))
            self._orders[tier, limits] = order
        return order

    # --- on the mailbox's thread ---

    def _spawn(self, order: _Order, started: Future[_Started]) -> None:
        self._nursery.spawn(
            order.spec,
            order.plan,
            lambda process, sock: started.set_result((process, sock)),
            functools.partial(self._fail, order, started),
        )

    def _fail(self, order: _Order, started: Future[_Started], error: Exception) -> None:
        """Where there is no zygote, an interpreter started by itself serves as well, if no sandbox is wanted."""
        if isinstance(error, NoZygoteError) and not order.spec.tier.is_sandbox:
            environment = dict(order.spec.environment)
            spec = LaunchSpec(order.spec.python, (), environment, find_containment(), module=MODULE)
            try:
                started.set_result(launch(spec))
                return
            except OSError as second:
                error = second
        started.set_exception(error)

    def _abandon(self, started: Future[_Started]) -> None:
        """Nobody waited long enough."""
        if started.exception() is None:
            process, sock = started.result()
            process.kill()
            sock.close()
            self._release(process)

    def _release(self, process: Process | ForkedProcess) -> None:
        def release() -> None:
            process.unwatch(self._pump)
            process.close()

        self._pump.run(release)


def _of_session(limits: Limits) -> Limits:
    """What the kernel itself is to enforce: its CPU limit is for all executions, of which each is measured besides."""
    return replace(limits, cpu_s=limits.cpu_s * EXECUTIONS)


class _Shared:
    """The foundry of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._foundry: Foundry | None = None

    def get(self) -> Foundry:
        with self._lock:
            if self._foundry is None:
                self._foundry = Foundry()
            return self._foundry

    def close(self) -> None:
        with self._lock:
            foundry, self._foundry = self._foundry, None
        if foundry is not None:
            foundry.close()

    def forget(self) -> None:
        foundry, self._foundry, self._lock = self._foundry, None, threading.Lock()
        if foundry is not None:
            foundry.let_go()


_shared: Final = _Shared()


def shared_foundry() -> Foundry:
    """The foundry of this process, made when it is first needed and closed at its end."""
    return _shared.get()


def close_shared() -> None:
    """Close it now; the next interpreter makes another."""
    _shared.close()


atexit.register(close_shared)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shared.forget)
