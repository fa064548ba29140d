"""dspash itself: an app with one supervised worker."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import dspash
from benchmarks.chores import HANG_SOURCE, Hang
from benchmarks.contestant import Contestant, drain_window

__all__ = ["Bridge"]

_HANGING: Final = f"""
import dspy


class Hanging(dspy.Module):
    def forward(self, how, sign):
        exec({HANG_SOURCE!r})
"""
_PATIENCE_S: Final = 3600.0


class Bridge(Contestant):
    """A call is a `ping`; what never ends is a program, given as source."""

    name: ClassVar[str] = "dspash"
    title: ClassVar[str] = "dspash.open(workers=1)"

    def start(self) -> None:
        # Its worker is killed again and again, which is no reason to give up here. No other system keeps what it runs.
        self._app = dspash.open(workers=1, lm="offline", max_restarts=1_000, sandbox="process", database=None)

    def close(self) -> None:
        self._app.close()

    def call(self, payload: Any) -> Any:
        return self._app.call("ping", {"payload": payload})["payload"]

    def pipelined(self, count: int, window: int) -> None:
        arguments = {"payload": self.payload(64)}
        submit = self._app.submit
        drain_window(lambda: submit("ping", arguments), count, window)

    def prepare_to_hang(self) -> None:
        self._hanging = self._app.program("hanging", source=_HANGING)

    def hang(self, how: Hang, sign: str, timeout_s: float | None = None) -> None:
        inputs = {"how": str(how), "sign": sign}
        self._app.run(self._hanging, inputs, timeout_s=_PATIENCE_S if timeout_s is None else timeout_s)

    def worker_pid(self) -> int:
        return self._app.status().workers[0].pid
