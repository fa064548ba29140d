"""DSPy in dspash's workers: the same Predict, its model reached through the bridge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import dspash
from benchmarks.predictor import CRUNCH_SOURCE, Predictor, Task

__all__ = ["BridgedPredict", "BridgedPredictOnTwo"]


class BridgedPredict(Predictor):
    """One worker."""

    name: ClassVar[str] = "dspash"
    title: ClassVar[str] = "the same Predict in one dspash worker"
    workers: ClassVar[int] = 1

    def start(self) -> None:
        # Nothing is kept, as nothing is of a Predict in process.
        self._app = dspash.open(workers=self.workers, lm="offline", sandbox="process", database=None)
        self._predict = {task: self._app.module("predict", str(task)) for task in Task}
        self._crunch = self._app.program("crunch", source=CRUNCH_SOURCE)
        while (
            len(self._app.status().workers) < self.workers or self._app.status().workers[-1].state != "ready"
        ):
            self._app.call("ping", {"payload": None})

    def close(self) -> None:
        self._app.close()

    def predict(self, task: Task, inputs: Mapping[str, Any]) -> str:
        answer: str = self._predict[task](**inputs).answer
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
