"""Judging: `score`, a metric on predictions that were made before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dspash_worker.call import Call
from dspash_worker.evaluation import Result
from dspash_worker.faults import fault_of
from dspash_worker.metrics import Metric, read_metric
from dspash_worker.refusal import invalid_value
from dspash_worker.wire_types import from_wire
from dspash_worker.workbench import Workbench

__all__ = ["score"]


def score(workbench: Workbench, call: Call) -> dict[str, Any]:
    """Answer `score {metric, cases}` with what the metric says of each case; one that cannot be judged counts 0."""
    metric = read_metric(call.args.get("metric"))
    cases = call.args.get("cases")
    if not isinstance(cases, list):
        raise invalid_value("$.cases", "a list of cases", cases)
    read = [_read(case, f"$.cases[{index}]") for index, case in enumerate(cases)]
    with workbench.context(call):
        results = [_judged(call, metric, index, *case) for index, case in enumerate(read)]
    return {"results": [_told(result) for result in results]}


def _read(case: object, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if not isinstance(case, Mapping):
        raise invalid_value(path, "a map of example and prediction", case)
    example, prediction = case.get("example"), case.get("prediction")
    for name, given in (("example", example), ("prediction", prediction)):
        if not isinstance(given, Mapping):
            raise invalid_value(f"{path}.{name}", "a map of fields", given)
    return from_wire(example, path=f"{path}.example"), from_wire(prediction, path=f"{path}.prediction")


def _judged(
    call: Call, metric: Metric, index: int, example: dict[str, Any], prediction: dict[str, Any]
) -> Result:
    call.check()
    try:
        verdict = metric.judge(example, prediction)
    except Exception as error:  # noqa: BLE001  (one case's failure is that case's result)
        return Result(index, 0.0, None, fault_of(error))
    return Result(index, verdict.score, None, None, verdict.feedback)


def _told(result: Result) -> dict[str, Any]:
    """The result as `evaluate` tells it, but for the prediction, which the host has."""
    return {key: value for key, value in result.to_map().items() if key != "prediction"}
