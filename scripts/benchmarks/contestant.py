"""Contestant: the port through which every system is measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, ClassVar

from benchmarks.chores import Hang

__all__ = ["Contestant", "drain_window"]


class Contestant(ABC):
    """One system with one worker process, driven from one thread unless a method says otherwise.

    A new object costs nothing: libraries are imported by its constructor, processes begin with `start`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    """What the system is, for the reader of the table."""
    cannot: ClassVar[Mapping[str, str]] = {}
    """The measures it cannot take part in, each with the reason."""

    @abstractmethod
    def start(self) -> None:
        """Begin. The worker is up at the latest when the first call returns."""

    @abstractmethod
    def close(self) -> None:
        """End the worker. May hang when the system is broken: the host process is then killed from outside."""

    def rebuild(self) -> None:
        """What a caller has to do when the system does not recover by itself."""
        self.close()
        self.start()

    @abstractmethod
    def call(self, payload: Any) -> Any:
        """Send `payload` to the worker and return what comes back: the same."""

    def pipelined(self, count: int, window: int) -> None:
        """Send `count` small payloads with up to `window` unanswered; return when all are answered.

        Raises NotImplementedError where `cannot` names the measure `pipelined`.
        """
        raise NotImplementedError(f"{self.name} cannot pipeline {count} calls, {window} at a time")

    def prepare_to_hang(self) -> None:
        """Do what `hang` needs done before its first time, off the clock."""
        return

    @abstractmethod
    def hang(self, how: Hang, sign: str, timeout_s: float | None = None) -> None:
        """Call something in the worker that creates the file `sign` and never ends.

        Comes back by exception only: the system's own for a deadline of `timeout_s`, or for a lost worker. May be
        called from any one thread while the others leave the contestant alone.
        """

    @abstractmethod
    def worker_pid(self) -> int:
        """The process that answers calls, as this process knows it."""

    def payload(self, size: int) -> Any:
        """Something of about `size` bytes, in the form this system carries best."""
        return {"question": "x" * size} if size < 1024 else b"\xa5" * size


def drain_window(submit: Callable[[], Future[Any]], count: int, window: int) -> None:
    """Keep up to `window` of `count` submitted futures open, oldest answered first."""
    waiting: deque[Future[Any]] = deque()
    for _ in range(count):
        if len(waiting) == window:
            waiting.popleft().result()
        waiting.append(submit())
    while waiting:
        waiting.popleft().result()
