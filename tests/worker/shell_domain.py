"""A domain made of scenes: a request of `execute` plays the one that `args["scene"]` names.

Two variables rule how it is loaded: SCENES_LOAD_GATE names a file that must exist before it is, SCENES_LOAD_FAILS makes
that fail.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shell_scenes import SCENES, wait

from dspash_protocol import Command, EventKind, Fault, FaultKind
from dspash_worker.call import Call
from dspash_worker.domain import Domain


class Bench:
    """Keeps, in the order the shell made them, the promises of what calls define."""

    def __init__(self, *, full: bool) -> None:
        self.full = full
        self.said: list[str] = []
        self._lock = threading.Lock()
        self._promises: dict[str, threading.Event] = {}

    def reserve(self, call: Call, /) -> None:
        name = call.args["name"]
        if name == "refused":
            raise ValueError("no such name")
        self.say(f"reserve {name}")
        self._promises[name] = threading.Event()

    def abandon(self, call: Call, fault: Fault, /) -> None:
        self.say(f"abandon {call.args['name']} {fault.kind}")
        self._promises[call.args["name"]].set()

    def define(self, call: Call) -> Any:
        if "for_s" in call.args:
            wait(call)
        self.say(f"define {call.args['name']}")
        self._promises[call.args["name"]].set()
        return {"name": call.args["name"]}

    def forward(self, call: Call) -> Any:
        promise = self._promises[call.args["name"]]
        while not promise.wait(0.01):
            call.check()
        return self.said

    def say(self, line: str) -> None:
        with self._lock:
            self.said.append(line)


def fault_of(error: BaseException) -> Fault:
    return Fault(FaultKind.PROGRAM_ERROR, str(error), type=type(error).__name__)


def play(_bench: Bench, call: Call) -> Any:
    if call.args.get("tell"):
        call.emit(EventKind.PROGRESS, "running")
    return SCENES[call.args["scene"]](call)


def load() -> Domain:
    gate = os.environ.get("SCENES_LOAD_GATE")
    while gate and not Path(gate).exists():
        time.sleep(0.001)
    if "SCENES_LOAD_FAILS" in os.environ:
        raise ImportError("no module of that name in /home/somebody/secret")
    handlers: dict[Command, Callable[[Any, Call], Any]] = {
        Command.EXECUTE: play,
        Command.CREATE_MODULE: Bench.define,
        Command.FORWARD: Bench.forward,
        Command.STATS: lambda bench, _call: {"said": bench.said},
    }
    return Domain(open=lambda full: Bench(full=full), handlers=handlers, fault_of=fault_of)
