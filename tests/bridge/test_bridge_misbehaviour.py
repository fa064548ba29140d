"""Misbehaviour: a frame that may not be ends its worker and its call, and touches no other."""

from __future__ import annotations

import pytest

from dspash.errors import (
    LimitExceededError,
    WorkerLostError,
)
from dspash.sandbox import Limits
from dspash.supervision import ProtocolBroken
from tests.bridge.disposable_sandbox import Sandbox, error_of, limit_of


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
