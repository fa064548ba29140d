"""Roster: every contestant by name, loaded only in the host process that drives it."""

from __future__ import annotations

import importlib
from typing import Any, Final

from benchmarks.contestant import Contestant
from benchmarks.predictor import Predictor

__all__ = ["CONTESTANTS", "PREDICTORS", "REFERENCE", "make_contestant", "make_predictor"]

CONTESTANTS: Final[dict[str, tuple[str, str]]] = {
    "dspash": ("benchmarks.peers.bridge", "Bridge"),
    "socketpair": ("benchmarks.peers.forked", "RawSocketpair"),
    "bare-frames": ("benchmarks.peers.forked", "BareFrames"),
    "mp-pool": ("benchmarks.peers.pools", "MultiprocessingPool"),
    "futures": ("benchmarks.peers.futures", "Futures"),
    "loky": ("benchmarks.peers.futures", "Loky"),
    "pebble": ("benchmarks.peers.pools", "Pebble"),
    "execnet": ("benchmarks.peers.execnet_gateway", "Execnet"),
    "grpc": ("benchmarks.peers.grpc_process", "Grpc"),
    "interpreter": ("benchmarks.peers.interpreter", "LocalInterpreter"),
}
"""Name → (module, class), in the order of the table."""

PREDICTORS: Final[dict[str, tuple[str, str]]] = {
    "in-process": ("benchmarks.peers.in_process", "InProcess"),
    "dspash": ("benchmarks.peers.bridged_predict", "BridgedPredict"),
    "dspash-2": ("benchmarks.peers.bridged_predict", "BridgedPredictOnTwo"),
}
"""The same for ways to run Predict."""

REFERENCE: Final = "socketpair"
"""The contestant that ratios are taken against."""


def make_contestant(name: str) -> Contestant:
    """Load one contestant's module and make it. Raises KeyError, or MissingPackageError from the contestant."""
    made: Contestant = _make(*CONTESTANTS[name])
    return made


def make_predictor(name: str) -> Predictor:
    """The same for a way to run Predict."""
    made: Predictor = _make(*PREDICTORS[name])
    return made


def _make(module: str, class_name: str) -> Any:
    return getattr(importlib.import_module(module), class_name)()
