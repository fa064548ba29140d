"""The app: the library's front, made of handles and the one object that owns everything."""

from __future__ import annotations

from dspash.app.app import App
from dspash.app.evaluation import Evaluation, ExampleResult
from dspash.app.metrics import Metric
from dspash.app.opening import aopen, open  # noqa: A004 - dspash.open, like gzip.open
from dspash.app.runnable import Module, Program, Runnable, StatusMessage, Token
from dspash.app.sandbox_choice import SandboxWords
from dspash.app.stream import Stream
from dspash.prediction import Prediction

__all__ = [
    "App",
    "Evaluation",
    "ExampleResult",
    "Metric",
    "Module",
    "Prediction",
    "Program",
    "Runnable",
    "SandboxWords",
    "StatusMessage",
    "Stream",
    "Token",
    "aopen",
    "open",
]
