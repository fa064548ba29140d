"""Answers that a handler only begins to make: they take no thread, and are given up once nobody waits for them."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from dspash.bridge import Ask, Manner
from dspash.errors import CallCancelledError, CallTimeoutError, WorkerLostError
from dspash_protocol import FaultError, FaultKind, ReverseCommand
from tests.bridge.conftest import Host, OpenBridge, outcome
from tests.leaks import wait_until

MANY = 600  # asks open at once

ASK_MANY = """
import os, queue, threading, time
import __main__ as fake
hear, receive = threading.Event(), fake.session.receive
if deaf_until:
    fake.session.receive = lambda data: (hear.wait(10), receive(data))[1]
call = next(iter(fake.running))
inboxes = []
for number in range(count):
    ask = next(fake.ask_ids)
    inboxes.append(queue.SimpleQueue())
    fake.answers[ask] = inboxes[-1]
    args = {"call": call, "name": "make", "args": {"number": number}}
    fake.say(fake.Request(ask, "tool.call", args))
while deaf_until and not os.path.exists(deaf_until):
    time.sleep(0.005)
hear.set()
result = []
for inbox in inboxes:
    reply = inbox.get(timeout=10)
    result.append(str(reply.fault.kind) if isinstance(reply, fake.ErrorReply) else reply.result)
"""


class Maker:
    """Begins answers, which the test ends."""

    def __init__(self) -> None:
        self.coming: list[Future[Any]] = []

    def begin(self, ask: Ask) -> Future[Any]:
        assert ask.remaining_s() > 0
        future: Future[Any] = Future()
        self.coming.append(future)
        return future


@pytest.fixture
def maker() -> Maker:
    return Maker()


@pytest.fixture
def host(open_bridge: OpenBridge, maker: Maker) -> Host:
    """A bridge whose tool is a Maker's."""
    host = open_bridge(
        handlers={ReverseCommand.TOOL_CALL: maker.begin},
        manners={ReverseCommand.TOOL_CALL: lambda _ask: Manner.BEGINS},
        concurrency=2,
    )
    host.define("many", ASK_MANY)
    host.define("one", "result = make(number=0)", "make")
    return host


def test_hundreds_of_answers_are_made_at_once_and_no_thread_waits_for_any(host: Host, maker: Maker) -> None:
    call = host.start("many", count=MANY, deaf_until="")
    wait_until(lambda: len(maker.coming) == MANY, "all to be asked")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("dspash-tool")]
    for number, future in reversed(list(enumerate(maker.coming))):
        future.set_result(number)
    assert call.wait()["fields"] == list(range(MANY))
    assert call.usage.tool_calls == MANY


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FaultError.of(FaultKind.NOT_FOUND, "there is none"), "not_found"),
        (ZeroDivisionError("by zero"), "tool_error"),
        (SystemExit(1), "tool_error"),
    ],
)
def test_what_goes_wrong_while_an_answer_is_made_is_told(
    host: Host, maker: Maker, error: BaseException, kind: str
) -> None:
    call = host.start("many", count=1, deaf_until="")
    wait_until(lambda: maker.coming, "it to be asked")
    maker.coming[0].set_exception(error)
    assert call.wait()["fields"] == [kind]


def test_an_answer_that_cannot_be_sent_is_a_fault(host: Host, maker: Maker) -> None:
    call = host.start("many", count=1, deaf_until="")
    wait_until(lambda: maker.coming, "it to be asked")
    maker.coming[0].set_result(float("nan"))
    assert call.wait()["fields"] == ["unserialisable"]


def test_answers_are_given_up_when_their_call_is_cancelled(host: Host, maker: Maker) -> None:
    call = host.start("many", count=3, deaf_until="")
    wait_until(lambda: len(maker.coming) == 3, "all to be asked")
    assert call.cancel("enough")
    assert all(future.cancelled() for future in maker.coming)
    assert isinstance(outcome(call.wait), CallCancelledError)
    assert host.run("many", count=0, deaf_until="") == []  # the worker lives on


def test_answers_are_given_up_at_the_deadline(host: Host, maker: Maker) -> None:
    args = {"program_id": "one", "inputs": {}}
    call = host.submit("execute", args, timeout_s=0.2)
    assert isinstance(outcome(call.wait), CallTimeoutError)
    wait_until(lambda: all(future.cancelled() for future in maker.coming), "it to be given up")


def test_answers_are_given_up_when_their_worker_dies(host: Host, maker: Maker) -> None:
    call = host.start("many", count=2, deaf_until="")
    wait_until(lambda: len(maker.coming) == 2, "all to be asked")
    os.kill(host.pids[0], signal.SIGKILL)
    assert isinstance(outcome(call.wait), WorkerLostError)
    wait_until(lambda: all(future.cancelled() for future in maker.coming), "them to be given up")


def test_a_worker_that_reads_no_answers_gets_no_more_of_them_made(
    open_bridge: OpenBridge, tmp_path: Path
) -> None:
    made: Future[str] = Future()
    made.set_result("x" * (1 << 20))
    host = open_bridge(
        handlers={ReverseCommand.TOOL_CALL: lambda _ask: made},
        manners={ReverseCommand.TOOL_CALL: lambda _ask: Manner.BEGINS},
    )
    host.define("deaf", ASK_MANY)
    gate = tmp_path / "listen"
    call = host.start("deaf", count=20, deaf_until=str(gate))
    wait_until(lambda: call.account.tool_calls == 20, "all to be asked")
    gate.touch()
    answers = call.wait()["fields"]
    assert {answer[:11] for answer in answers} == {"x" * 11, "unavailable"}
    assert answers[0] == made.result()
