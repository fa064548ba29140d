"""Starts: how a trusted worker's process comes to be: forked by a zygote, or started by itself where there is none."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from loguru import logger

from dspash.bridge.environment import worker_environment
from dspash.bridge.launch import LaunchSpec, launch
from dspash.bridge.nursery import NoZygoteError
from dspash.errors import DspashError
from dspash.sandbox import Containment, ContainmentKind, Tier, ZygoteSpec, find_containment, plan_for
from dspash_protocol.birth import WorkerOptions

if TYPE_CHECKING:
    import socket

    from dspash.bridge.forked import ForkedProcess
    from dspash.bridge.nursery import Nursery
    from dspash.bridge.options import BridgeOptions
    from dspash.bridge.process import Process

__all__ = ["Starts"]

OnStarted: TypeAlias = "Callable[[Process | ForkedProcess, socket.socket], None]"

_CAN_FORK = sys.platform == "linux" and hasattr(select, "epoll")


class Starts:
    """Starts workers as the options say. On the mailbox's thread, which outlives them."""

    def __init__(self, options: BridgeOptions, nursery: Nursery) -> None:
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

    def __repr__(self) -> str:
        return f"<Starts {'from a zygote' if self._zygote else 'one by one'} in {self.containment.kind}>"

    def begin(self, on_started: OnStarted, on_failed: Callable[[Exception], None]) -> None:
        """Start a worker: `on_started` is given it and our end of its channel, at once or when a zygote is up."""

        def do_without(error: Exception) -> None:
            if isinstance(error, NoZygoteError | DspashError):
                logger.info("a worker is started by itself: {}", error)
                self._launch(on_started, on_failed)
            else:
                on_failed(error)

        if self._zygote is None:
            self._launch(on_started, on_failed)
        else:
            plan = plan_for(self._zygote, options=self._options)
            self._nursery.spawn(self._zygote, plan, on_started, do_without)

    def _launch(self, on_started: OnStarted, on_failed: Callable[[Exception], None]) -> None:
        try:
            process, sock = launch(self.spec)
        except Exception as error:  # noqa: BLE001 - whatever it is, calls wait for a worker or for word of it
            on_failed(error)
        else:
            on_started(process, sock)
