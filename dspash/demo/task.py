"""Task: what one run of the demo works on — a program, examples to learn from and to be judged on, and scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dspash.app import App, Metric, Module, Program

__all__ = ["Example", "Task"]

Example: TypeAlias = Mapping[str, str]
"""An input and the expected output, by their fields' names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """`define` creates the program in an app's workers. Under the name `program` an app keeps it, and `load` has its
    live version created; a task without that name begins anew each time.

    `metric` judges it, and is what the optimizer works towards; `score_name` is what people call its mean.
    `further_scores` are means over the same predictions: functions of (expected, predicted), from 0 to 1.
    """

    title: str
    trainset: tuple[Example, ...]
    devset: tuple[Example, ...]
    input_field: str
    output_field: str
    score_name: str
    metric: Metric
    define: Callable[[App], Program | Module]
    program: str = ""
    load: Callable[[App], Program] | None = None
    further_scores: Mapping[str, Callable[[str, str], float]] = field(
        default_factory=dict[str, Callable[[str, str], float]]
    )
    optimizer_config: Mapping[str, Any] = field(default_factory=dict[str, Any])
