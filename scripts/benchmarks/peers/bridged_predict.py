"""DSPy in dspash's workers: the same Predict, its model reached through the bridge."""

from __future__ import annotations

from typing import ClassVar

import dspash
from benchmarks.predictor import CRUNCH_SOURCE, Predictor

__all__ = ["BridgedPredict", "BridgedPredictOnTwo"]


class BridgedPredict(Predictor):
    """One worker."""

    name: ClassVar[str] = "dspash"
    title: ClassVar[str] = "the same Predict in one dspash worker"
    workers: ClassVar[int] = 1

    def start(self) -> None:
        self._app = dspash.open(workers=self.workers, lm="offline")
        self._predict = self._app.module("predict", "question -> answer")
        self._crunch = self._app.program("crunch", source=CRUNCH_SOURCE)
        while (
            len(self._app.status().workers) < self.workers or self._app.status().workers[-1].state != "ready"
        ):
            self._app.call("ping", {"payload": None})

    def close(self) -> None:
        self._app.close()

    def predict(self, question: str) -> str:
        answer: str = self._predict(question=question).answer
        return answer

    def crunch(self, calls: int, rounds: int) -> None:
        requests = (
            self._crunch.request({"question": f"question {number}", "rounds": rounds})
            for number in range(calls)
        )
        for future in [self._app.submit(*request) for request in requests]:
            future.result()


class BridgedPredictOnTwo(BridgedPredict):
    """Two workers: only for what both do at once."""

    name: ClassVar[str] = "dspash-2"
    title: ClassVar[str] = "the same Predict in two dspash workers"
    workers: ClassVar[int] = 2
