"""Sandbox sessions: calls that follow each other in one worker."""

from __future__ import annotations

from dspash.bridge.sandbox_session import SandboxSession
from dspash.errors import (
    WorkerLostError,
)
from dspash.supervision import Signalled
from tests.bridge.disposable_sandbox import ECHO, Sandbox, error_of, told_in
from tests.leaks import wait_until


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
