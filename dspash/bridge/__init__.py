"""The bridge: supervised worker processes, and calls that end exactly once."""

from __future__ import annotations

from dspash.bridge.ask import Ask, current_ask
from dspash.bridge.ask_server import AskHandler, MannerOf
from dspash.bridge.bridge import Bridge
from dspash.bridge.call import Call, CallFuture, CallOptions
from dspash.bridge.manner import Manner
from dspash.bridge.options import BridgeOptions
from dspash.bridge.status import BridgeStatus, SandboxStatus, WorkerStatus

__all__ = [
    "Ask",
    "AskHandler",
    "Bridge",
    "BridgeOptions",
    "BridgeStatus",
    "Call",
    "CallFuture",
    "CallOptions",
    "Manner",
    "MannerOf",
    "SandboxStatus",
    "WorkerStatus",
    "current_ask",
]
