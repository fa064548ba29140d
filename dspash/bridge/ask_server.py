"""AskServer: finds who serves what a worker asks of its host, and a thread that may wait meanwhile."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from dspash.bridge.ask import Ask
from dspash.bridge.elastic import ElasticThreads
from dspash.bridge.manner import Manner
from dspash_protocol import Fault, FaultKind, ReverseCommand

if TYPE_CHECKING:
    from dspash.bridge.worker import Worker

__all__ = ["ALL_WAIT", "AskHandler", "AskServer", "MannerOf", "Manners"]

FEW_ASKS: Final = 8  # that an untrusted worker may have open even when threads become scarce
FOR_FEW: Final = 256  # threads of each kind that nobody gets who has more than these

AskHandler: TypeAlias = Callable[[Ask], Any]
"""Returns the answer, or a concurrent.futures.Future of it, which must end by the ask's deadline and is cancelled once
nobody waits for it any more.
"""

MannerOf: TypeAlias = Callable[[Ask], Manner]
Manners: TypeAlias = Mapping[ReverseCommand, MannerOf]

ALL_WAIT: Final[Manners] = MappingProxyType({})


class AskServer:
    """The handlers of a bridge, and their threads. Models and tools have threads of their own each.

    `manners` say of a command how its handler is to be called for an ask; it waits where nothing is said.
    """

    def __init__(self, handlers: Mapping[ReverseCommand, AskHandler], *, manners: Manners = ALL_WAIT) -> None:
        self._handlers: dict[str, AskHandler] = {str(command): serve for command, serve in handlers.items()}
        self._manners: dict[str, MannerOf] = {str(command): manner for command, manner in manners.items()}
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
        manner_of = self._manners.get(ask.command)
        if manner_of is not None:
            ask.manner = manner_of(ask)
        if ask.manner is Manner.BEGINS:
            self._begin(worker, ask, handler)
            return
        serve = functools.partial(ask.serve, handler)
        if ask.manner is Manner.COMPUTES and worker.hand_to_caller(ask, serve):
            return
        threads = self._lm_threads if ask.command.startswith("lm.") else self._tool_threads
        is_greedy = worker.budget is not None and worker.open_asks > FEW_ASKS
        if not threads.start(serve, keep_free=FOR_FEW if is_greedy else 0):
            problem = "too many requests of workers are being served"
            ask.fail(Fault(FaultKind.UNAVAILABLE, problem, retryable=True))

    def _begin(self, worker: Worker, ask: Ask, handler: AskHandler) -> None:
        """Have the answer made. One that does not read its answers may not have more of them made, and kept for it."""
        if worker.has_room:
            ask.serve(handler)
        else:
            problem = "this worker does not read the answers it has"
            ask.fail(Fault(FaultKind.UNAVAILABLE, problem, retryable=True))

    def close(self) -> None:
        """End the threads, those that are busy after their handler; waits a second for each kind at most."""
        self._lm_threads.close()
        self._tool_threads.close()
