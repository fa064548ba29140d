"""Sandbox: a bridge whose calls run in workers of their own, fake ones, which nobody trusts here.

What a kernel does to real ones is tested elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from dspash.bridge import Call, CallOptions
from dspash.bridge.births import PlainBirths
from dspash.bridge.definitions import Definitions
from dspash.bridge.grants import Grants
from dspash.bridge.sandbox_session import SandboxSession
from dspash.bridge.sandboxed import Sandboxed
from dspash.bridge.worker_kind import WorkerKind
from dspash.errors import (
    CallCancelledError,
    DspashError,
    LimitExceededError,
)
from dspash.sandbox import Limits, Tier, ZygoteSpec
from dspash_protocol.confinement_plan import ConfinementPlan, WorkerOptions
from tests.bridge.conftest import BOUND_S, FAKE, MEASURING, Host, OpenBridge

__all__ = ["ECHO", "LM_REQUEST", "Sandbox", "error_of", "limit_of", "told_in"]

OURS = {"rehearsal", "$configure"}  # what a spare worker is told before its call
ECHO = "result = {'said': word}"
LM_REQUEST = {"messages": [{"role": "user", "parts": [{"type": "text", "text": "hi"}]}]}


class Sandbox:
    """A bridge, and short ways to make sandboxed calls of it."""

    def __init__(self, open_bridge: OpenBridge, **options: Any) -> None:
        self.host: Host = open_bridge(births=PlainBirths(), **options)
        environment = {"PYTHONPATH": str(FAKE), **MEASURING}
        spec = ZygoteSpec(
            python=sys.executable,
            tier=Tier.PROCESS,
            python_path=(str(FAKE),),
            environment=tuple(sorted(environment.items())),
        )
        plan = ConfinementPlan(tier=Tier.PROCESS, options=WorkerOptions(concurrency=1))
        self.kind = WorkerKind(spec, plan, 1 << 20)

    def submit(
        self,
        command: str,
        args: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
        grants: Grants | None = None,
        programs: Mapping[str, str] | None = None,
        session: SandboxSession | None = None,
        timeout_s: float = BOUND_S,
        wait: bool = True,
    ) -> Call:
        definitions = Definitions()
        for name, source in (programs or {}).items():
            definitions.append("create_program", {"id": name, "forward_fn": source})
        order = Sandboxed(self.kind, limits or Limits(), definitions, grants or Grants(), session)
        options = CallOptions(timeout_s, sandbox=order)
        return self.host.bridge.submit(command, args or {}, options, wait=wait)

    def call(self, command: str, args: Mapping[str, Any] | None = None, **options: Any) -> Any:
        return self.submit(command, args, **options).wait()

    def echo(self, word: str) -> Any:
        args = {"program_id": "echo", "inputs": {"word": word}}
        return self.call("execute", args, programs={"echo": ECHO})["fields"]["said"]

    @property
    def status(self) -> Any:
        return self.host.bridge.status().sandbox


def error_of(call: Call) -> DspashError:
    try:
        error = call.future.exception(BOUND_S)
    except CallCancelledError as cancelled:
        error = cancelled
    assert isinstance(error, DspashError), error
    return error


def told_in(listed: Mapping[str, Any]) -> list[Any]:
    """The definitions that a worker was told for its call."""
    return [told for told in listed["told"] if told[1] not in OURS]


def limit_of(call: Call) -> str:
    error = error_of(call)
    assert isinstance(error, LimitExceededError), repr(error)
    return error.limit
