"""Sandboxed calls: one worker for each, which is gone after it; none of them touches another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dspash.bridge import Ask
from dspash.bridge.grants import Grants
from dspash.bridge.worker_kind import WorkerKind
from dspash.errors import (
    CallCancelledError,
    CallTimeoutError,
    OverloadedError,
    ProgramError,
    WorkerLostError,
)
from dspash.sandbox import ZygoteSpec
from dspash.supervision import LivenessLimits
from dspash_protocol import ReverseCommand
from tests.bridge.conftest import OpenBridge
from tests.bridge.disposable_sandbox import ECHO, Sandbox, error_of, told_in
from tests.leaks import wait_until


def test_a_call_knows_its_definitions_and_its_worker_serves_no_other(sandbox: Sandbox) -> None:
    assert sandbox.echo("first") == "first"
    assert told_in(sandbox.call("list", programs={"echo": ECHO})) == [["create_program", "echo", None]]
    assert told_in(sandbox.call("list")) == []
    wait_until(lambda: sandbox.status.calls == 3, "the workers to be gone")


def test_a_worker_is_ready_before_the_next_call(sandbox: Sandbox) -> None:
    sandbox.echo("first")
    wait_until(lambda: sandbox.status.spares >= 1, "a spare")
    sandbox.echo("second")
    wait_until(lambda: sandbox.status.spares >= 1, "another")


def test_what_a_call_has_used_is_told(sandbox: Sandbox) -> None:
    call = sandbox.submit("ping")
    call.wait()
    assert call.isolation is not None
    assert call.isolation.tier == "process"
    usage = call.usage
    assert usage.wall_s > 0
    assert usage.cpu_s is not None
    assert usage.peak_memory_bytes is not None
    assert usage.peak_memory_bytes > 1 << 20


def test_an_error_tells_it_as_well(sandbox: Sandbox) -> None:
    args = {"program_id": "broken", "inputs": {}}
    error = error_of(sandbox.submit("execute", args, programs={"broken": "1 / 0"}))
    assert isinstance(error, ProgramError)
    assert error.usage is not None
    assert error.isolation is not None


def test_the_pool_goes_on_beside_it(sandbox: Sandbox) -> None:
    error_of(sandbox.submit("fake.die"))
    assert sandbox.host.call("ping", {"payload": 1}) == {"payload": 1}
    assert sandbox.host.bridge.status().restarts == 0


def test_calls_beyond_the_places_wait_and_beyond_the_queue_are_refused(open_bridge: OpenBridge) -> None:
    sandbox = Sandbox(open_bridge, sandboxes=1, max_queue=1)
    running = sandbox.submit("fake.burn")
    waiting = sandbox.submit("ping", {"payload": "waited"})
    with pytest.raises(OverloadedError):
        sandbox.submit("ping", wait=False)
    assert sandbox.status.queued == 1
    running.cancel("the test has seen enough")
    assert waiting.wait() == {"payload": "waited"}


def test_a_call_that_is_cancelled_ends_its_worker(sandbox: Sandbox) -> None:
    call = sandbox.submit("fake.burn")
    wait_until(lambda: call.worker is not None, "it to be handed off")
    pid = call.worker.process.pid if call.worker is not None else 0
    call.cancel("no interest")
    assert isinstance(error_of(call), CallCancelledError)
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the worker to be gone")
    assert sandbox.echo("next") == "next"


def test_a_call_past_its_deadline_ends_its_worker(sandbox: Sandbox) -> None:
    assert isinstance(error_of(sandbox.submit("fake.burn", timeout_s=0.5)), CallTimeoutError)
    wait_until(lambda: sandbox.status.running == 0, "the worker to be gone")


def test_a_worker_that_does_not_come_up_is_told_with_its_reason(open_bridge: OpenBridge) -> None:
    sandbox = Sandbox(open_bridge)
    spec = sandbox.kind.spec
    crash = tuple(sorted((*spec.environment, ("FAKE_BOOT", "crash"))))
    sandbox.kind = WorkerKind(
        ZygoteSpec(python=spec.python, tier=spec.tier, python_path=spec.python_path, environment=crash),
        sandbox.kind.plan,
        1 << 20,
    )
    error = error_of(sandbox.submit("ping"))
    assert isinstance(error, WorkerLostError)
    assert "did not start" in str(error)
    assert "no module named dspy" in error.stderr_tail


def test_a_call_made_by_a_tool_needs_no_place(open_bridge: OpenBridge) -> None:
    def tool(_ask: Ask) -> Any:
        return boxes[0].echo("from within")

    boxes: list[Sandbox] = []
    boxes.append(Sandbox(open_bridge, sandboxes=1, max_queue=0, handlers={ReverseCommand.TOOL_CALL: tool}))
    args = {"command": "tool.call", "args": {"name": "echo", "args": {}}}
    assert boxes[0].call("fake.ask_for", args, grants=Grants(tools=frozenset({"echo"}))) == "from within"


def test_closing_fails_what_is_open_and_leaves_nothing(open_bridge: OpenBridge) -> None:
    sandbox = Sandbox(open_bridge)
    call = sandbox.submit("fake.burn")
    wait_until(lambda: call.worker is not None, "it to be handed off")
    sandbox.host.bridge.close()
    assert "closed" in str(error_of(call))


def test_a_worker_that_hangs_while_it_starts_is_ended_in_time(open_bridge: OpenBridge) -> None:
    sandbox = Sandbox(open_bridge, liveness=LivenessLimits(boot_timeout_s=0.5))
    spec = sandbox.kind.spec
    hang = tuple(sorted((*spec.environment, ("FAKE_BOOT", "hang"))))
    spec = ZygoteSpec(python=spec.python, tier=spec.tier, python_path=spec.python_path, environment=hang)
    sandbox.kind = WorkerKind(spec, sandbox.kind.plan, 1 << 20)
    error = error_of(sandbox.submit("ping"))
    assert isinstance(error, WorkerLostError)
    assert "not ready within 0.5 s" in str(error)
