"""Limits: each ends its own call, by its own name."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from dspash.bridge import Ask
from dspash.bridge.grants import Grants
from dspash.sandbox import Limits
from dspash_protocol import ReverseCommand
from tests.bridge.conftest import BOUND_S, OpenBridge
from tests.bridge.disposable_sandbox import LM_REQUEST, Sandbox, limit_of
from tests.leaks import wait_until


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few bytes a second are allowed that also a busy machine sends more."""
    monkeypatch.setattr("dspash.bridge.stream_budget.BYTES_PER_S", 4 << 20)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    ("command", "args", "limits", "limit"),
    [
        ("fake.flood", {}, Limits(frames=50), "frames"),
        ("fake.flood", {"bytes": 200_000}, Limits(frames=100_000), "rate"),
        ("fake.oversized", {"bytes": 2 << 20}, Limits(), "frame"),
        ("fake.flood_stderr", {"lines": 400_000}, Limits(output_mb=1), "output"),
        ("fake.burn", {}, Limits(cpu_s=0.3), "cpu"),
        ("fake.burn", {}, Limits(wall_s=0.3), "wall"),
        ("fake.burn", {}, Limits(wall_s=0.3, total_s=0.3), "wall"),
        ("fake.grow", {"bytes": 300 << 20}, Limits(memory_mb=256), "memory"),
        ("fake.die", {"signal": 24}, Limits(), "cpu"),
        ("fake.die", {"signal": 7}, Limits(), "scratch"),
        ("fake.die", {"signal": 9}, Limits(), "memory"),
        ("fake.fail_as", {"type": "MemoryError", "message": "", "details": {}}, Limits(), "memory"),
        ("fake.fail_as", {"type": "OSError", "message": "", "details": {"errno": 28}}, Limits(), "scratch"),
        ("fake.fail_as", {"type": "OSError", "message": "", "details": {"errno": 27}}, Limits(), "file_size"),
        ("fake.fail_as", {"type": "OSError", "message": "", "details": {"errno": 24}}, Limits(), "files"),
        (
            "fake.fail_as",
            {"type": "RuntimeError", "message": "can't start new thread", "details": {}},
            Limits(),
            "threads",
        ),
    ],
)
def test_a_limit_that_is_passed_ends_the_call_by_its_name(
    sandbox: Sandbox, command: str, args: Mapping[str, Any], limits: Limits, limit: str
) -> None:
    assert limit_of(sandbox.submit(command, args, limits=limits)) == limit
    assert sandbox.echo("next") == "next"
    wait_until(lambda: sandbox.status.limits == {limit: 1}, "it to be counted")


def test_time_that_a_model_takes_is_not_the_programs(open_bridge: OpenBridge) -> None:
    answer = threading.Event()

    def model(_ask: Ask) -> Any:
        assert answer.wait(BOUND_S)
        return {"answered": True}

    sandbox = Sandbox(open_bridge, handlers={ReverseCommand.LM_COMPLETE: model})
    grants = Grants(models={"m": "offline"}, default_model="m")
    args = {"command": "lm.complete", "args": {"request": LM_REQUEST}}
    call = sandbox.submit("fake.ask_for", args, grants=grants, limits=Limits(wall_s=0.2))
    wait_until(lambda: call.account.wall_s > 0.6, "more time than it may take itself")
    answer.set()
    assert call.wait() == {"answered": True}
    assert call.usage.lm_calls == 1
    assert call.usage.lm_wait_s > 0.3


def test_a_total_limit_counts_the_models_time_too(open_bridge: OpenBridge) -> None:
    sandbox = Sandbox(open_bridge, handlers={ReverseCommand.LM_COMPLETE: lambda _ask: over.wait(BOUND_S)})
    over = threading.Event()
    grants = Grants(models={"m": "offline"}, default_model="m")
    args = {"command": "lm.complete", "args": {"request": LM_REQUEST}}
    limits = Limits(wall_s=0.3, total_s=0.5)
    assert limit_of(sandbox.submit("fake.ask_for", args, grants=grants, limits=limits)) == "total"
    over.set()


@pytest.mark.parametrize(
    ("command", "limits", "limit"),
    [("lm.complete", Limits(lm_calls=0), "lm_calls"), ("tool.call", Limits(tool_calls=0), "tool_calls")],
)
def test_a_budget_that_is_used_up_ends_the_call(
    open_bridge: OpenBridge, command: str, limits: Limits, limit: str
) -> None:
    sandbox = Sandbox(open_bridge, handlers={ReverseCommand.TOOL_CALL: str, ReverseCommand.LM_COMPLETE: str})
    args = {"command": command, "args": {"name": "echo", "request": LM_REQUEST}}
    grants = Grants(tools=frozenset({"echo"}), models={"": "offline"})
    assert limit_of(sandbox.submit("fake.ask_for", args, grants=grants, limits=limits)) == limit
