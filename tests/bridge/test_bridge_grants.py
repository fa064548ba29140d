"""Grants: a sandboxed worker may ask for what its call was granted, and for nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dspash.bridge import Ask
from dspash.bridge.grants import Grants
from dspash.errors import (
    WorkerLostError,
)
from dspash.supervision import ProtocolBroken
from dspash_protocol import ReverseCommand
from tests.bridge.conftest import OpenBridge
from tests.bridge.disposable_sandbox import LM_REQUEST, Sandbox, error_of


@pytest.mark.parametrize(
    ("command", "args", "kind"),
    [
        ("tool.call", {"name": "delete_everything", "args": {}}, "not_found"),
        ("tool.call", {"name": "echo", "args": [1]}, "invalid_input"),
        ("tool.call", {"name": 7}, "invalid_input"),
        ("metric.call", {"name": "m", "example": {}, "prediction": {}}, "not_found"),
        ("lm.complete", {"request": {**LM_REQUEST, "model": "expensive"}}, "lm_error"),
        ("lm.complete", {"request": {**LM_REQUEST, "api_key": "x"}}, "invalid_input"),
        ("lm.complete", {"request": {"messages": "hi"}}, "invalid_input"),
        ("lm.complete", {"request": LM_REQUEST, "meta": {"rollout_id": "x"}}, "invalid_input"),
        ("lm.embed", {"model": "expensive", "inputs": ["a"]}, "lm_error"),
        ("lm.embed", {"model": "m", "texts": ["a"]}, "invalid_input"),
        ("lm.embed", {"model": "m", "inputs": ["a", 7]}, "invalid_input"),
        ("lm.embed", {"model": "m", "inputs": ["a"] * 5000}, "invalid_input"),
        ("lm.embed", {"model": "m", "inputs": ["a"], "options": "all"}, "invalid_input"),
        ("lm.embed", {"model": "m", "inputs": ["a"], "options": {"api_key": "x"}}, "invalid_input"),
        ("lm.capabilities", {"model": "expensive"}, "lm_error"),
        ("lm.capabilities", {}, "lm_error"),
        ("shell", {}, "unknown_command"),
    ],
)
def test_what_was_not_granted_is_refused_and_counted(
    open_bridge: OpenBridge, command: str, args: Mapping[str, Any], kind: str
) -> None:
    served: list[Ask] = []
    sandbox = Sandbox(open_bridge, handlers=dict.fromkeys(ReverseCommand, served.append))
    grants = Grants(tools=frozenset({"echo"}), models={"m": "offline"}, default_model="m")
    assert sandbox.call("fake.ask_for", {"command": command, "args": args}, grants=grants) == kind
    assert served == []
    assert sum(sandbox.status.refused.values()) == 1


def test_an_alias_reaches_the_model_it_stands_for(open_bridge: OpenBridge) -> None:
    seen: list[Any] = []

    def model(ask: Ask) -> Any:
        seen.append((ask.args["request"]["model"], ask.args["meta"]))

    sandbox = Sandbox(open_bridge, handlers={ReverseCommand.LM_COMPLETE: model})
    grants = Grants(models={"fast": "offline/small"}, default_model="fast")
    asked = {
        "request": {**LM_REQUEST, "model": "fast"},
        "meta": {"model": "forged", "rollout_id": 3, "more": 1},
    }
    sandbox.call("fake.ask_for", {"command": "lm.complete", "args": asked}, grants=grants)
    assert seen == [("offline/small", {"model": "offline/small", "rollout_id": 3})]


@pytest.mark.parametrize(
    ("command", "args"),
    [
        ("lm.embed", {"model": "fast", "inputs": ["a"], "options": {"dimensions": 8}}),
        ("lm.capabilities", {"model": "default"}),
    ],
)
def test_whatever_is_asked_of_a_model_reaches_the_one_it_stands_for(
    open_bridge: OpenBridge, command: str, args: Mapping[str, Any]
) -> None:
    seen: list[Mapping[str, Any]] = []
    sandbox = Sandbox(open_bridge, handlers={ReverseCommand(command): lambda ask: seen.append(ask.args)})
    grants = Grants(models={"fast": "offline/small"}, default_model="fast")
    sandbox.call("fake.ask_for", {"command": command, "args": args}, grants=grants)
    assert [{**asked, "call": 0} for asked in seen] == [{**args, "model": "offline/small", "call": 0}]


def test_an_ask_in_the_name_of_another_call_ends_its_worker(sandbox: Sandbox) -> None:
    args = {"command": "tool.call", "args": {"name": "echo", "args": {}}, "as": 99}
    error = error_of(sandbox.submit("fake.ask_for", args, grants=Grants(tools=frozenset({"echo"}))))
    assert isinstance(error, WorkerLostError)
    assert isinstance(error.exit, ProtocolBroken)
