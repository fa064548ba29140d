"""Executors of the `concurrent.futures` kind: the standard library's and loky's."""

from __future__ import annotations

import multiprocessing
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, ClassVar

from benchmarks.chores import Hang, echo, hang, pid
from benchmarks.contestant import Contestant, drain_window
from benchmarks.peers.missing import load

__all__ = ["Futures", "Loky"]


class _Executor(Contestant):
    """Both pickle a function's name and arguments to a worker and complete a future when it returns."""

    _executor: Any

    @abstractmethod
    def start(self) -> None: ...

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def call(self, payload: Any) -> Any:
        return self._submit(echo, payload).result()

    def pipelined(self, count: int, window: int) -> None:
        payload = self.payload(64)
        drain_window(lambda: self._submit(echo, payload), count, window)

    def hang(self, how: Hang, sign: str, timeout_s: float | None = None) -> None:
        self._submit(hang, how, sign).result(timeout_s)

    def worker_pid(self) -> int:
        return self._submit(pid).result()

    def _submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        return self._executor.submit(function, *args)


class Futures(_Executor):
    """concurrent.futures.ProcessPoolExecutor; a lost worker breaks the executor for good."""

    name: ClassVar[str] = "futures"
    title: ClassVar[str] = "concurrent.futures.ProcessPoolExecutor (spawn)"

    def start(self) -> None:
        self._executor = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


class Loky(_Executor):
    """loky's reusable executor; a lost worker breaks it, and asking for it again makes another."""

    name: ClassVar[str] = "loky"
    title: ClassVar[str] = "loky.get_reusable_executor"

    def __init__(self) -> None:
        self._loky = load("loky")

    def start(self) -> None:
        self._executor = self._loky.get_reusable_executor(max_workers=1, timeout=None)

    def rebuild(self) -> None:
        self.start()

    def close(self) -> None:
        self._executor.shutdown(wait=True, kill_workers=True)
