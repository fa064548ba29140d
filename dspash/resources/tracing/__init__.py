"""Tracing: executions on their way into the store, and what they tell together."""

from __future__ import annotations

from dspash.resources.tracing.execution import Execution, Subject
from dspash.resources.tracing.metrics import Metrics, Window, metrics_of
from dspash.resources.tracing.row import row_of
from dspash.resources.tracing.steps import Step, read_steps

__all__ = [
    "Execution",
    "Metrics",
    "Step",
    "Subject",
    "Window",
    "metrics_of",
    "read_steps",
    "row_of",
]
