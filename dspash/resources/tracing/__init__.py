"""Tracing: executions on their way into the store, how long they stay there, and what they tell together."""

from __future__ import annotations

from dspash.resources.tracing.execution import Ended, Execution, Subject
from dspash.resources.tracing.metrics import Metrics, Window, metrics_of
from dspash.resources.tracing.recorder import Recorder
from dspash.resources.tracing.redaction import Redaction, secrets_in
from dspash.resources.tracing.retention import Retention, prune
from dspash.resources.tracing.row import row_of
from dspash.resources.tracing.steps import Step, read_steps

__all__ = [
    "Ended",
    "Execution",
    "Metrics",
    "Recorder",
    "Redaction",
    "Retention",
    "Step",
    "Subject",
    "Window",
    "metrics_of",
    "prune",
    "read_steps",
    "row_of",
    "secrets_in",
]
