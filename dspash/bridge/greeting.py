"""Greeting: the first call to a worker, which opens the session with it."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from dspash.bridge.call import Call, CallOptions
from dspash.bridge.worker_state import WorkerState
from dspash.supervision import StartFailed
from dspash_protocol import PROTOCOL_VERSION, Codec, Command, Request, WireMap, encode, encode_frame

if TYPE_CHECKING:
    from concurrent.futures import Future

    from dspash.bridge.worker import Worker

__all__ = ["greet", "opening_of"]

_FIRST: Final = 1  # the id of the first request to a worker


def greet(
    worker: Worker, *, max_frame: int, heartbeat_s: float, timeout_s: float, heard: Collection[bytes] = ()
) -> None:
    """Say hello; a worker that refuses it is ended. `max_frame` is in bytes; with `heartbeat_s` 0 it is to send none.

    If that is among the frames that it has `heard` before its birth, it is not said again.
    """
    hello = Call(Command.HELLO, _arguments(max_frame, heartbeat_s), CallOptions(timeout_s))
    hello.future.add_done_callback(functools.partial(_end_if_refused, worker))
    worker.greet(hello, heard=heard)


def opening_of(configuration: Mapping[str, Any], *, max_frame: int) -> tuple[bytes, ...]:
    """The frames with which a session is opened that begins with this configuration and is to have no heartbeats.

    For a worker to hear before it is born. Raises InvalidValueError, FrameTooLargeError.
    """
    hello = Request(_FIRST, Command.HELLO, _arguments(max_frame, heartbeat_s=0))
    configure = Request(_FIRST + 1, Command.CONFIGURE, configuration)
    return tuple(
        encode_frame(encode(request.to_map(), Codec.MSGPACK), max_frame=max_frame)
        for request in (hello, configure)
    )


def _arguments(max_frame: int, heartbeat_s: float) -> WireMap:
    return {
        "protocol": PROTOCOL_VERSION,
        "features": ["events", "reverse", "cancel"],
        "max_frame": max_frame,
        "heartbeat_s": heartbeat_s,
    }


def _end_if_refused(worker: Worker, answered: Future[object]) -> None:
    error = answered.exception()
    if error is not None and worker.state is WorkerState.BOOTING:
        worker.kill(StartFailed(f"it refused the handshake: {error}"))
