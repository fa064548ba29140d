"""Pools of the `multiprocessing` kind: the standard library's and pebble's."""

from __future__ import annotations

import multiprocessing
from collections import deque
from multiprocessing.pool import AsyncResult
from typing import Any, ClassVar

from benchmarks.chores import Hang, echo, hang, pid
from benchmarks.contestant import Contestant, drain_window
from benchmarks.peers.missing import load

__all__ = ["MultiprocessingPool", "Pebble"]


class MultiprocessingPool(Contestant):
    """multiprocessing.Pool; a lost worker is replaced, its call is never answered."""

    name: ClassVar[str] = "mp-pool"
    title: ClassVar[str] = "multiprocessing.Pool (spawn)"

    def start(self) -> None:
        self._pool = multiprocessing.get_context("spawn").Pool(1)

    def close(self) -> None:
        self._pool.terminate()
        self._pool.join()

    def call(self, payload: Any) -> Any:
        return self._pool.apply(echo, (payload,))

    def pipelined(self, count: int, window: int) -> None:
        payload = self.payload(64)
        waiting: deque[AsyncResult[Any]] = deque()
        for _ in range(count):
            if len(waiting) == window:
                waiting.popleft().get()
            waiting.append(self._pool.apply_async(echo, (payload,)))
        while waiting:
            waiting.popleft().get()

    def hang(self, how: Hang, sign: str, timeout_s: float | None = None) -> None:
        self._pool.apply_async(hang, (how, sign)).get(timeout_s)

    def worker_pid(self) -> int:
        return self._pool.apply(pid)


class Pebble(Contestant):
    """pebble.ProcessPool; a lost or overdue worker is replaced, only its own call fails."""

    name: ClassVar[str] = "pebble"
    title: ClassVar[str] = "pebble.ProcessPool (spawn)"

    def __init__(self) -> None:
        self._pebble = load("pebble")

    def start(self) -> None:
        self._pool = self._pebble.ProcessPool(max_workers=1, context=multiprocessing.get_context("spawn"))

    def close(self) -> None:
        self._pool.stop()
        self._pool.join()

    def call(self, payload: Any) -> Any:
        return self._pool.schedule(echo, args=[payload]).result()

    def pipelined(self, count: int, window: int) -> None:
        arguments = [self.payload(64)]
        drain_window(lambda: self._pool.schedule(echo, args=arguments), count, window)

    def hang(self, how: Hang, sign: str, timeout_s: float | None = None) -> None:
        self._pool.schedule(hang, args=[how, sign], timeout=timeout_s).result()

    def worker_pid(self) -> int:
        return self._pool.schedule(pid).result()
