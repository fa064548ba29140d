"""Sandboxed calls in workers of their own: each limit ends its own call by its own name, and touches no other.

The workers are fake ones, trusted by nobody here; what a kernel does to real ones is tested elsewhere.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dspash.bridge import Ask, Call, CallOptions
from dspash.bridge.births import PlainBirths
from dspash.bridge.definitions import Definitions
from dspash.bridge.grants import Grants
from dspash.bridge.sandbox_session import SandboxSession
from dspash.bridge.sandboxed import Sandboxed
from dspash.bridge.worker_kind import WorkerKind
from dspash.errors import (
    CallCancelledError,
    CallTimeoutError,
    DspashError,
    LimitExceededError,
    OverloadedError,
    ProgramError,
    WorkerLostError,
)
from dspash.sandbox import Limits, Tier, ZygoteSpec
from dspash.supervision import LivenessLimits, ProtocolBroken, Signalled
from dspash_protocol import ReverseCommand
from dspash_protocol.confinement_plan import ConfinementPlan, WorkerOptions
from tests.bridge.conftest import BOUND_S, FAKE, MEASURING, Host, OpenBridge
from tests.leaks import wait_until

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


@pytest.fixture
def sandbox(open_bridge: OpenBridge) -> Sandbox:
    return Sandbox(open_bridge)


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


# --- one call, one worker ---


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


# --- limits ---


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


# --- what the protocol does not allow ---


@pytest.mark.parametrize(
    "command",
    [
        "fake.unknown",
        "fake.malformed",
        "fake.unattributable",
        "fake.break_ask",
        "fake.complain",
        "fake.flood_tiny",
    ],
)
def test_a_frame_that_may_not_be_ends_its_worker_and_its_call(sandbox: Sandbox, command: str) -> None:
    error = error_of(sandbox.submit(command))
    assert isinstance(error, WorkerLostError)
    assert isinstance(error.exit, ProtocolBroken)
    assert sandbox.echo("next") == "next"


def test_a_second_answer_comes_too_late(sandbox: Sandbox) -> None:
    assert sandbox.call("fake.twice") == "once"
    assert sandbox.echo("next") == "next"


def test_stray_bytes_behind_an_answer_change_nothing(sandbox: Sandbox) -> None:
    assert sandbox.call("fake.stray") == "before the noise"
    assert sandbox.echo("next") == "next"


@pytest.mark.parametrize("command", ["fake.close_pipe", "fake.half_frame"])
def test_a_pipe_that_closes_is_the_end_of_its_call(sandbox: Sandbox, command: str) -> None:
    assert isinstance(error_of(sandbox.submit(command)), WorkerLostError | LimitExceededError)
    assert sandbox.echo("next") == "next"


def test_a_frame_that_never_ends_is_not_waited_for(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dspash.bridge.stream_budget.FRAME_TIME_S", 0.2)
    assert limit_of(sandbox.submit("fake.drip")) == "frame_time"


def test_faults_in_some_calls_touch_none_beside_them(sandbox: Sandbox) -> None:
    bad = [sandbox.submit(f"fake.{deed}", limits=Limits(frames=20)) for deed in ("flood", "die", "unknown")]
    good = [sandbox.submit("ping", {"payload": number}) for number in range(6)]
    assert [call.wait() for call in good] == [{"payload": number} for number in range(6)]
    assert [type(error_of(call)) for call in bad] == [LimitExceededError, LimitExceededError, WorkerLostError]


# --- what it may ask for ---


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
        ("lm.embed", {"texts": ["a"]}, "unknown_command"),
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


def test_an_ask_in_the_name_of_another_call_ends_its_worker(sandbox: Sandbox) -> None:
    args = {"command": "tool.call", "args": {"name": "echo", "args": {}}, "as": 99}
    error = error_of(sandbox.submit("fake.ask_for", args, grants=Grants(tools=frozenset({"echo"}))))
    assert isinstance(error, WorkerLostError)
    assert isinstance(error.exit, ProtocolBroken)


# --- files ---


def test_files_come_whole_and_only_from_below_their_folder(sandbox: Sandbox) -> None:
    pieces = [
        {"path": "plot.png", "data": b"abc", "more": True},
        {"path": "plot.png", "data": b"def"},
        {"path": "sub/table.csv", "data": b"1,2"},
        {"path": "../../etc/passwd", "data": b"no"},
        {"path": "/etc/passwd", "data": b"no"},
        {"path": "a/./b", "data": b"no"},
        {"path": "cut", "data": b"never ends", "more": True},
        "no map",
        {"path": 7, "data": b"no"},
        {"path": "text", "data": "no bytes"},
    ]
    call = sandbox.submit("fake.deliver", {"pieces": pieces})
    call.wait()
    assert call.files == {"plot.png": b"abcdef", "sub/table.csv": b"1,2"}


def test_files_that_are_too_large_end_the_call(sandbox: Sandbox) -> None:
    pieces = [{"path": f"{number}", "data": bytes(600_000)} for number in range(2)]
    assert (
        limit_of(sandbox.submit("fake.deliver", {"pieces": pieces}, limits=Limits(scratch_mb=1))) == "scratch"
    )


# --- sessions ---


def test_a_session_keeps_its_worker_from_call_to_call(sandbox: Sandbox) -> None:
    session = SandboxSession()
    first = sandbox.submit("ping", session=session)
    first.wait()
    second = sandbox.submit("ping", session=session)
    second.wait()
    worker = first.worker
    assert worker is not None
    assert second.worker is worker
    assert worker.process.runs()
    sandbox.host.bridge.end_session(session)
    wait_until(lambda: not worker.process.runs(), "its worker to be gone")


def test_calls_of_a_session_take_turns(sandbox: Sandbox) -> None:
    session = SandboxSession()
    calls = [sandbox.submit("ping", {"payload": number}, session=session) for number in range(5)]
    assert [call.wait()["payload"] for call in calls] == list(range(5))
    sandbox.host.bridge.end_session(session)


def test_a_session_survives_its_worker(sandbox: Sandbox) -> None:
    session = SandboxSession()
    first = sandbox.submit("ping", session=session)
    first.wait()
    error = error_of(sandbox.submit("fake.die", {"signal": 11}, session=session))
    assert isinstance(error, WorkerLostError)
    assert error.exit == Signalled(11)
    second = sandbox.submit("list", session=session, programs={"echo": ECHO})
    assert told_in(second.wait()) == [["create_program", "echo", None]]
    assert second.worker is not first.worker
    sandbox.host.bridge.end_session(session)


def test_a_worker_that_hangs_while_it_starts_is_ended_in_time(open_bridge: OpenBridge) -> None:
    sandbox = Sandbox(open_bridge, liveness=LivenessLimits(boot_timeout_s=0.5))
    spec = sandbox.kind.spec
    hang = tuple(sorted((*spec.environment, ("FAKE_BOOT", "hang"))))
    spec = ZygoteSpec(python=spec.python, tier=spec.tier, python_path=spec.python_path, environment=hang)
    sandbox.kind = WorkerKind(spec, sandbox.kind.plan, 1 << 20)
    error = error_of(sandbox.submit("ping"))
    assert isinstance(error, WorkerLostError)
    assert "not ready within 0.5 s" in str(error)
