"""Starts: how a trusted worker's process comes to be: forked by a zygote, or started by itself where there is none."""

from __future__ import annotations

import functools
import select
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from loguru import logger

from dspash.bridge.environment import worker_environment
from dspash.bridge.launch import LaunchSpec, launch
from dspash.bridge.nursery import NoZygoteError
from dspash.bridge.stand_in import StandIn
from dspash.errors import DspashError
from dspash.sandbox import Containment, ContainmentKind, Tier, ZygoteSpec, find_containment, plan_for
from dspash_protocol.birth import WorkerOptions

if TYPE_CHECKING:
    import socket

    from dspash.bridge.forked import ForkedProcess
    from dspash.bridge.mailbox import Mailbox
    from dspash.bridge.nursery import Nursery
    from dspash.bridge.options import BridgeOptions
    from dspash.bridge.process import Process
    from dspash.bridge.pump import Pump

__all__ = ["OnError", "OnFailed", "OnStarted", "Starts"]

OnStarted: TypeAlias = "Callable[[Process | ForkedProcess, socket.socket], None]"
OnFailed: TypeAlias = Callable[[Exception], None]
OnError: TypeAlias = Callable[[Exception], None]

_CAN_FORK: Final = sys.platform == "linux" and hasattr(select, "epoll")


class Starts:
    """Starts workers as the options say. On the mailbox's thread, which outlives them."""

    def __init__(self, options: BridgeOptions, nursery: Nursery, *, mailbox: Mailbox, pump: Pump) -> None:
        self.containment: Containment = (
            find_containment()
            if options.contain
            else Containment(ContainmentKind.PROCESS_GROUP, reason="switched off by contain=False")
        )
        environment = worker_environment(options.environment, python_path=options.python_path)
        arguments = ("--concurrency", str(options.concurrency), "--max-frame", str(options.max_frame))
        self.spec = LaunchSpec(options.python, arguments, environment, self.containment, options.cwd)
        self._nursery = nursery
        self._zygote = (
            ZygoteSpec.of(
                python=options.python,
                tier=Tier.PROCESS,
                environment=environment,
                cwd=options.cwd,
                contain=options.contain,
            )
            if options.zygote and _CAN_FORK
            else None
        )
        self._options = WorkerOptions(concurrency=options.concurrency, max_frame=options.max_frame)
        self._stand_in = StandIn(mailbox, pump, self._fork)

    def __repr__(self) -> str:
        return f"<Starts {'from a zygote' if self._zygote else 'one by one'} in {self.containment.kind}>"

    def begin(self, on_started: OnStarted, on_failed: OnFailed) -> None:
        """Start a worker: `on_started` is given it and our end of its channel, at once or when a zygote is up."""
        if (ready := self._stand_in.take()) is not None:
            on_started(*ready)
        else:
            self._fork(on_started, functools.partial(self._do_without, on_started, on_failed))

    def prepare(self) -> None:
        """A worker is up: have one ready that can take its place."""
        if self._zygote is not None:
            self._stand_in.send_for()

    def close(self) -> None:
        """End the one that stands by."""
        self._stand_in.close()

    def let_go(self) -> None:
        """Close its channel without a word; for a forked copy of the host, whose original goes on."""
        self._stand_in.let_go()

    def _fork(self, on_started: Callable[[ForkedProcess, socket.socket], None], on_failed: OnError) -> None:
        if self._zygote is None:
            on_failed(NoZygoteError("none is wanted, or possible on this platform"))
        else:
            self._nursery.spawn(
                self._zygote, plan_for(self._zygote, options=self._options), on_started, on_failed
            )

    def _do_without(self, on_started: OnStarted, on_failed: OnFailed, error: Exception) -> None:
        """There is no zygote, or the machine lacks something that an interpreter of its own would lack as well."""
        if isinstance(error, NoZygoteError | DspashError):
            logger.debug("a worker is started by itself: {}", error)
            self._launch(on_started, on_failed)
        else:
            on_failed(error)

    def _launch(self, on_started: OnStarted, on_failed: OnFailed) -> None:
        try:
            process, sock = launch(self.spec)
        except Exception as error:  # noqa: BLE001 - whatever it is, calls wait for a worker or for word of it
            on_failed(error)
        else:
            on_started(process, sock)
