"""Roster: every contestant by name, loaded only in the host process that drives it."""

from __future__ import annotations

import importlib
from typing import Final

from benchmarks.contestant import Contestant

__all__ = ["CONTESTANTS", "REFERENCE", "make_contestant"]

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

REFERENCE: Final = "socketpair"
"""The contestant that ratios are taken against."""


def make_contestant(name: str) -> Contestant:
    """Load one contestant's module and make it. Raises KeyError, or MissingPackageError from the contestant."""
    module, class_name = CONTESTANTS[name]
    made: Contestant = getattr(importlib.import_module(module), class_name)()
    return made
