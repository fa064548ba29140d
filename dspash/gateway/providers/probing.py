"""Probing: whether a provider answers, found out by the request that costs nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass

from dspash.gateway.providers.connection import Connection
from dspash.gateway.target import Target

__all__ = ["Probe", "probe"]


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
    """List the models of a provider, waiting at most `timeout_s`. Raises GatewayError. May be called from anywhere.

    It runs in a thread, and an event loop, of its own: the caller's thread may be running one already.
    """
    found: Future[Probe] = Future()

    def run() -> None:
        try:
            found.set_result(asyncio.run(_listed(connection, timeout_s)))
        except BaseException as error:  # noqa: BLE001 - the thread's end: all goes to who waits for it
            found.set_exception(error)

    thread = threading.Thread(target=run, name="dspash-probe", daemon=True)
    thread.start()
    thread.join()
    return found.result()


async def _listed(connection: Connection, timeout_s: float) -> Probe:
    from dspash.gateway.providers.wires import Wires

    wires = Wires(_Single(connection))
    began = time.monotonic()
    try:
        models = await wires.models(connection.target(""), deadline=began + timeout_s)
    finally:
        await wires.aclose()
    return Probe(tuple(models), time.monotonic() - began)
