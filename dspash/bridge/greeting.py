"""Greeting: the first call to a worker, which opens the session with it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from dspash.bridge.call import Call, CallOptions
from dspash.bridge.worker_state import WorkerState
from dspash.supervision import StartFailed
from dspash_protocol import PROTOCOL_VERSION, Command

if TYPE_CHECKING:
    from concurrent.futures import Future

    from dspash.bridge.worker import Worker

__all__ = ["greet"]


def greet(worker: Worker, *, max_frame: int, heartbeat_s: float, timeout_s: float) -> None:
    """Say hello; a worker that refuses it is ended. `max_frame` is in bytes; with `heartbeat_s` 0 it is to send none."""
    args = {
        "protocol": PROTOCOL_VERSION,
        "features": ["events", "reverse", "cancel"],
        "max_frame": max_frame,
        "heartbeat_s": heartbeat_s,
    }
    hello = Call(Command.HELLO, args, CallOptions(timeout_s))
    hello.future.add_done_callback(functools.partial(_end_if_refused, worker))
    worker.greet(hello)


def _end_if_refused(worker: Worker, answered: Future[object]) -> None:
    error = answered.exception()
    if error is not None and worker.state is WorkerState.BOOTING:
        worker.kill(StartFailed(f"it refused the handshake: {error}"))
