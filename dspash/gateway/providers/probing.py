"""Probing: whether a provider answers, and a model of it, outside of any gateway."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from dspash.gateway.port import JsonMap
from dspash.gateway.providers.connection import Connection
from dspash.gateway.target import Target
from dspash.gateway.upstream import Reply

if TYPE_CHECKING:
    from dspash.gateway.providers.wires import Wires

__all__ = ["Probe", "ask", "probe"]

T = TypeVar("T")

_SHORT: Final = 64  # tokens: models that think first need some for that


@dataclass(frozen=True, slots=True)
class Probe:
    """What a provider answered: the ids of its models, and how long that took."""

    models: tuple[str, ...]
    latency_s: float


@dataclass(frozen=True, slots=True)
class _Single:
    """One connection that is asked for by name."""

    only: Connection

    def connection(self, target: Target) -> Connection:
        return self.only


def probe(connection: Connection, *, timeout_s: float) -> Probe:
    """List the models of a provider, which costs nothing, waiting at most `timeout_s`. Raises GatewayError."""
    return _apart(lambda: _listed(connection, timeout_s))


def ask(connection: Connection, target: Target, prompt: str, *, timeout_s: float) -> Reply:
    """Have a model answer a prompt shortly, which may cost a little, waiting at most `timeout_s`. Raises GatewayError."""
    return _apart(lambda: _asked(connection, target, prompt, timeout_s))


def _apart(begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run in a thread, and an event loop, of its own: the caller's thread may be running a loop already."""
    found: Future[T] = Future()

    def run() -> None:
        try:
            found.set_result(asyncio.run(begin()))
        except BaseException as error:  # noqa: BLE001 - the thread's end: all goes to who waits for it
            found.set_exception(error)

    thread = threading.Thread(target=run, name="dspash-probe", daemon=True)
    thread.start()
    thread.join()
    return found.result()


async def _listed(connection: Connection, timeout_s: float) -> Probe:
    async with aclosing(_wires(connection)) as wires:
        began = time.monotonic()
        models = await wires.models(connection.target(""), deadline=began + timeout_s)
        return Probe(tuple(models), time.monotonic() - began)


async def _asked(connection: Connection, target: Target, prompt: str, timeout_s: float) -> Reply:
    message: JsonMap = {"role": "user", "parts": [{"type": "text", "text": prompt}]}
    request: JsonMap = {"model": target.model, "messages": [message], "config": {"max_tokens": _SHORT}}
    async with aclosing(_wires(connection)) as wires:
        return await wires.complete(target, request, deadline=time.monotonic() + timeout_s)


def _wires(connection: Connection) -> Wires:
    from dspash.gateway.providers.wires import Wires

    return Wires(_Single(connection))
