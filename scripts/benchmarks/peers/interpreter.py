"""dspy.LocalInterpreter: DSPy's own way to run code in another process."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, ClassVar

from benchmarks.chores import HANG_SOURCE, Hang
from benchmarks.contestant import Contestant

__all__ = ["LocalInterpreter"]


class LocalInterpreter(Contestant):
    """A call executes one expression with the payload as its variable; JSON only. A deadline ends the session."""

    name: ClassVar[str] = "interpreter"
    title: ClassVar[str] = "dspy.LocalInterpreter, one expression executed"
    cannot: ClassVar[Mapping[str, str]] = {"pipelined": "one execution at a time"}

    def __init__(self) -> None:
        self._dspy: Any = importlib.import_module("dspy")

    def start(self) -> None:
        self._interpreter = self._dspy.LocalInterpreter()
        self._pid = int(self._interpreter.execute("import os\nos.getpid()"))

    def close(self) -> None:
        self._interpreter.shutdown()

    def call(self, payload: Any) -> Any:
        return self._interpreter.execute("payload", {"payload": payload})

    def hang(self, how: Hang, sign: str, timeout_s: float | None = None) -> None:
        self._interpreter.execution_timeout = timeout_s
        self._interpreter.execute(HANG_SOURCE, {"how": str(how), "sign": sign})

    def worker_pid(self) -> int:
        return self._pid

    def payload(self, size: int) -> Any:
        return super().payload(size) if size < 1024 else "x" * size
