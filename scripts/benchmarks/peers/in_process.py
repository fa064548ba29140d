"""DSPy in the process that calls it, its model reached through an engine: what a bridged Predict is compared with."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from benchmarks.predictor import CRUNCH_SOURCE, Predictor, Task
from dspash.gateway import OfflineModel

__all__ = ["InProcess"]


class InProcess(Predictor):
    """Set up as dspash sets up DSPy in a worker: no caches, no history, the default adapter."""

    name: ClassVar[str] = "in-process"
    title: ClassVar[str] = "dspy.Predict called directly, the offline model as its engine"

    def start(self) -> None:
        dspy: Any = importlib.import_module("dspy")
        dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
        lm = dspy.LM("offline", engine=_OfflineEngine(), num_retries=0, cache=False)
        dspy.configure(lm=lm, disable_history=True)
        self._predict = {task: dspy.Predict(str(task)) for task in Task}
        scope: dict[str, Any] = {}
        exec(compile(CRUNCH_SOURCE, "crunch", "exec"), scope)
        self._crunch = scope["Crunch"]()

    def close(self) -> None:
        return

    def predict(self, task: Task, inputs: Mapping[str, Any]) -> str:
        answer: str = self._predict[task](**inputs).answer
        return answer

    def crunch(self, calls: int, rounds: int) -> None:
        for number in range(calls):
            self._crunch(question=f"question {number}", rounds=rounds)


class _OfflineEngine:
    """The offline model behind DSPy's Engine protocol, called in the same thread."""

    def __init__(self) -> None:
        self._serde: Any = importlib.import_module("dspy._vendor.lm15.serde")
        self._model = OfflineModel()

    def complete(self, request: Any) -> Any:
        response = self._model.complete(self._serde.request_to_dict(request), meta={}, deadline=None)
        return self._serde.response_from_dict(response)

    def stream(self, request: Any) -> Iterator[Any]:
        for event in self._model.stream(self._serde.request_to_dict(request), meta={}, deadline=None):
            yield self._serde.stream_event_from_dict(event)

    def close(self) -> None:
        return
