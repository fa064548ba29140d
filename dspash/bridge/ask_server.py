"""AskServer: finds who serves what a worker asks of its host, and a thread that may wait meanwhile."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from dspash.bridge.ask import Ask
from dspash.bridge.elastic import ElasticThreads
from dspash_protocol import Fault, FaultKind, ReverseCommand

if TYPE_CHECKING:
    from dspash.bridge.worker import Worker

__all__ = ["AskHandler", "AskServer"]

FEW_ASKS: Final = 8  # that an untrusted worker may have open even when threads become scarce
FOR_FEW: Final = 256  # threads of each kind that nobody gets who has more than these

AskHandler: TypeAlias = Callable[[Ask], Any]


class AskServer:
    """The handlers of a bridge, and their threads. Models and tools have threads of their own each.

    Handlers of `quick` commands compute, and never wait for anything: they may run in the thread of the caller that
    waits for the call.
    """

    def __init__(
        self, handlers: Mapping[ReverseCommand, AskHandler], *, quick: Collection[ReverseCommand] = ()
    ) -> None:
        self._handlers: dict[str, AskHandler] = {str(command): serve for command, serve in handlers.items()}
        self._quick = frozenset(map(str, quick))
        self._lm_threads = ElasticThreads("dspash-lm")
        self._tool_threads = ElasticThreads("dspash-tool")

    def __repr__(self) -> str:
        return f"<AskServer {', '.join(sorted(self._handlers))}>"

    def serve(self, worker: Worker, ask: Ask) -> None:
        """See that `ask` is answered; on the thread that reads, so it never waits."""
        handler = self._handlers.get(ask.command)
        if handler is None:
            offered = ", ".join(sorted(self._handlers))
            problem = f"{ask.command!r:.80} is not offered here; there are {offered}"
            ask.fail(Fault(FaultKind.UNKNOWN_COMMAND, problem))
            return
        serve = functools.partial(ask.serve, handler)
        if ask.command in self._quick and worker.hand_to_caller(ask, serve):
            return
        threads = self._lm_threads if ask.command.startswith("lm.") else self._tool_threads
        is_greedy = worker.budget is not None and worker.open_asks > FEW_ASKS
        if not threads.start(serve, keep_free=FOR_FEW if is_greedy else 0):
            problem = "too many requests of workers are being served"
            ask.fail(Fault(FaultKind.UNAVAILABLE, problem, retryable=True))

    def close(self) -> None:
        """End the threads, those that are busy after their handler; waits a second for each kind at most."""
        self._lm_threads.close()
        self._tool_threads.close()
