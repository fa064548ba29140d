"""What the bridge relies on in a worker: the same scenes on the fake worker and on the real one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dspash.bridge import Ask, Bridge, BridgeOptions
from dspash.errors import (
    CallCancelledError,
    CallTimeoutError,
    DspashError,
    InvalidInputError,
    NotFoundError,
    ProgramError,
    UnknownCommandError,
    WorkerLostError,
)
from dspash.supervision import Intensity
from dspash_protocol import FaultError, FaultKind, Progress, ReverseCommand
from tests.bridge.conftest import FAKE, MEASURING, Host
from tests.leaks import wait_until

BOUND_S = 15.0
SPIN = "import time\nwhile True: time.sleep(0.005)"


class Tools:
    """Host functions of the scenes; `host` may be called back."""

    def __init__(self) -> None:
        self.host: Host | None = None
        self.calls: list[dict[str, Any]] = []
        self.hold = threading.Event()
        self.held = threading.Event()

    def serve(self, ask: Ask) -> Any:
        name, args = ask.args["name"], ask.args["args"]
        self.calls.append(args)
        match name:
            case "double":
                return args["x"] * 2
            case "fail":
                raise ValueError("the index is empty")
            case "refuse":
                raise FaultError.of(FaultKind.UNAVAILABLE, "not now")
            case "hold":
                self.held.set()
                self.hold.wait(BOUND_S)
                return "held"
            case "again":
                assert self.host is not None
                return self.host.run("countdown", n=args["n"])["value"]
            case _:
                raise AssertionError(name)


@pytest.fixture(scope="module", params=["fake", pytest.param("real", marks=pytest.mark.slow)])
def bench(request: pytest.FixtureRequest) -> Iterator[tuple[Host, Tools]]:
    tools = Tools()
    options = BridgeOptions(
        concurrency=2,
        python_path=(str(FAKE),) if request.param == "fake" else (),
        environment=MEASURING,
        intensity=Intensity(max_restarts=20),
        cancel_grace_s=BOUND_S,
    )
    bridge = Bridge(options, {ReverseCommand.TOOL_CALL: tools.serve})
    tools.host = Host(bridge)
    yield tools.host, tools
    bridge.close()


@pytest.fixture
def host(bench: tuple[Host, Tools]) -> Iterator[Host]:
    host, tools = bench
    host.call("ping")
    tools.calls.clear()
    tools.hold.clear()
    tools.held.clear()
    yield host
    wait_until(lambda: host.bridge.status().running == 0, "every slot to be free")
    assert host.bridge.status().gave_up is None


@pytest.fixture
def tools(bench: tuple[Host, Tools]) -> Tools:
    return bench[1]


def error_of(host: Host, command: str, args: dict[str, Any], **options: Any) -> DspashError:
    error = host.submit(command, args, **options).future.exception(BOUND_S)
    assert isinstance(error, DspashError)
    return error


@pytest.mark.parametrize(
    "payload", [None, True, -5, 1.5, "text ü 😀", b"\x00\xff", [1, [2]], {"a": {"b": None}}]
)
def test_a_ping_echoes_its_payload(host: Host, payload: Any) -> None:
    assert host.call("ping", {"payload": payload}) == {"payload": payload}


def test_megabytes_travel_both_ways(host: Host) -> None:
    payload = os.urandom(4 << 20)
    assert host.call("ping", {"payload": payload}) == {"payload": payload}


def test_a_program_runs_with_its_inputs_and_tools(host: Host, tools: Tools) -> None:
    host.define("doubling", "result = {'value': double(x=x) + 1}", "double")
    assert host.run("doubling", x=4) == {"value": 9}
    assert tools.calls == [{"x": 4}]


def test_calls_run_side_by_side(host: Host, tools: Tools) -> None:
    host.define("holding", "result = {'value': hold()}", "hold")
    host.define("quick", "result = {'value': 1}")
    held = host.start("holding")
    assert tools.held.wait(BOUND_S)
    assert host.run("quick") == {"value": 1}
    tools.hold.set()
    assert held.wait()["fields"] == {"value": "held"}
    assert held.progress is Progress.SIDE_EFFECTS


def test_an_unknown_command_a_missing_program_and_a_raising_one_are_errors_of_their_own(host: Host) -> None:
    assert isinstance(error_of(host, "fly", {}), UnknownCommandError)
    missing = error_of(host, "execute", {"program_id": "nobody", "inputs": {}})
    assert isinstance(missing, NotFoundError)
    host.define("raising", "raise KeyError('the key')")
    raised = error_of(host, "execute", {"program_id": "raising", "inputs": {}})
    assert isinstance(raised, ProgramError)
    assert raised.type == "KeyError"


def test_a_tool_that_raises_is_an_exception_in_the_program(host: Host) -> None:
    host.define("failing", "result = {'value': fail()}", "fail")
    error = error_of(host, "execute", {"program_id": "failing", "inputs": {}})
    assert "the index is empty" in str(error)
    assert getattr(error, "progress", None) is Progress.SIDE_EFFECTS
    host.define("catching", "try: fail()\nexcept Exception as error: result = {'value': str(error)}", "fail")
    assert "the index is empty" in host.run("catching")["value"]


def test_a_cancelled_call_ends_here_at_once_and_there_soon(host: Host) -> None:
    host.define("spin", SPIN)
    call = host.start("spin")
    wait_until(lambda: call.progress is not Progress.NOT_SENT, "it to be sent")
    call.cancel("changed my mind")
    with pytest.raises(CallCancelledError, match="changed my mind"):
        call.wait()


def test_a_call_cancelled_while_its_tool_runs_ends_there_too(host: Host, tools: Tools) -> None:
    host.define("holding", "result = {'value': hold()}", "hold")
    call = host.start("holding")
    assert tools.held.wait(BOUND_S)
    call.cancel("enough")
    wait_until(lambda: host.bridge.status().running == 0, "its slot to be free")
    tools.hold.set()


def test_a_call_past_its_deadline_times_out(host: Host) -> None:
    host.define("spin", SPIN)
    error = error_of(host, "execute", {"program_id": "spin", "inputs": {}}, timeout_s=0.1)
    assert isinstance(error, CallTimeoutError)


def test_calls_may_follow_their_definitions_without_waiting(host: Host) -> None:
    defined = [
        host.submit(
            "create_program", {"id": f"p{n}", "forward_fn": f"result = {{'value': {n}}}", "tools": []}
        )
        for n in range(20)
    ]
    ran = [host.start(f"p{n}") for n in range(20)]
    for call in defined:
        call.wait()
    assert [call.wait()["fields"]["value"] for call in ran] == list(range(20))


def test_a_dead_worker_is_followed_by_one_that_knows_the_same(host: Host) -> None:
    host.define("spin", SPIN)
    host.define("kept", "result = {'value': 'kept'}")
    host.define("gone", "result = {}")
    host.call("delete", {"id": "gone"})
    call = host.start("spin")
    wait_until(lambda: call.progress is not Progress.NOT_SENT, "it to be sent")
    os.kill(host.pids[0], signal.SIGKILL)
    lost = call.future.exception(BOUND_S)
    assert isinstance(lost, WorkerLostError)
    assert "SIGKILL" in str(lost)
    assert host.run("kept") == {"value": "kept"}
    assert isinstance(error_of(host, "execute", {"program_id": "gone", "inputs": {}}), NotFoundError)


def test_a_definition_that_fails_is_an_error_and_nothing_is_defined(
    host: Host, bench: tuple[Host, Tools]
) -> None:
    args = {"id": "bad", "forward_fn": "def (", "tools": [], "refused": True}
    error = error_of(host, "create_program", args)
    assert isinstance(error, InvalidInputError)
    assert isinstance(error_of(host, "execute", {"program_id": "bad", "inputs": {}}), NotFoundError)


def test_a_tool_may_run_programs_whose_tools_run_programs(host: Host) -> None:
    """Each level waits for the next; none of them may wait for a thread or a slot that one above it holds."""
    host.define("countdown", "result = {'value': [n] + (again(n=n - 1) if n else [])}", "again")
    assert host.run("countdown", n=6) == {"value": [6, 5, 4, 3, 2, 1, 0]}
    calls = [host.start("countdown", n=3) for _ in range(6)]
    assert [call.wait()["fields"]["value"] for call in calls] == [[3, 2, 1, 0]] * 6


@pytest.mark.slow
def test_nested_tools_need_one_worker_with_one_slot_and_no_more() -> None:
    tools = Tools()
    options = BridgeOptions(concurrency=1, max_queue=4, environment=MEASURING)
    bridge = Bridge(options, {ReverseCommand.TOOL_CALL: tools.serve})
    tools.host = host = Host(bridge)
    try:
        host.define("countdown", "result = {'value': [n] + (again(n=n - 1) if n else [])}", "again")
        assert host.run("countdown", n=8) == {"value": [8, 7, 6, 5, 4, 3, 2, 1, 0]}
        calls = [host.start("countdown", n=3) for _ in range(4)]
        assert [call.wait()["fields"]["value"] for call in calls] == [[3, 2, 1, 0]] * 4
    finally:
        bridge.close()
