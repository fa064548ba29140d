"""The table of calls by itself: what a worker refuses before it runs anything."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from dspash_protocol import ErrorReply, Fault, FaultKind, Progress, Received, Request, Role, Session
from dspash_worker import calls as calls_module
from dspash_worker.calls import Calls
from dspash_worker.channel import Channel
from dspash_worker.reverse import ReverseRequests
from dspash_worker.stdio import Pipes
from dspash_worker.timers import Timers


class Desk:
    """Calls whose domain never comes, and the host's end of their channel."""

    def __init__(self) -> None:
        self.host, theirs = socket.socketpair()
        self.host.settimeout(10)
        self._session = Session(Role.HOST)
        worker = Session(Role.WORKER)
        self._worker = worker
        self.channel = Channel(Pipes(os.dup(theirs.fileno()), os.dup(theirs.fileno())), worker)
        theirs.close()
        self.calls = Calls(
            channel=self.channel, asks=ReverseRequests(self.channel), timers=Timers(), concurrency=1
        )

    def ask(self, request_id: int, command: str) -> None:
        for message in self._worker.receive(self._session.send(Request(request_id, command, {}))):
            assert isinstance(message, Request)
            self.calls.admit(message, full=False)

    def hear(self) -> list[Received]:
        return self._session.receive(self.host.recv(1 << 16))

    def close(self) -> None:
        self.host.close()
        self.channel.disown()


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def test_request_over_the_limit_of_open_ones_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "MAX_OPEN", 3)
    for request_id in range(1, 5):
        desk.ask(request_id, "execute")
    (refusal,) = desk.hear()
    assert isinstance(refusal, ErrorReply)
    assert refusal.id == 4
    assert refusal.fault.message == "unavailable: 3 requests are open"
    assert len(desk.calls) == 3
    desk.calls.cancel(2, Fault(FaultKind.CANCELLED, "make room"))
    desk.hear()
    desk.ask(5, "execute")
    assert len(desk.calls) == 3


def test_request_that_comes_when_the_domain_cannot_be_had_ends_as_those_before_it(desk: Desk) -> None:
    desk.ask(1, "execute")
    desk.calls.refuse_all(Fault(FaultKind.INTERNAL, "no domain", progress=Progress.SENT))
    desk.ask(2, "execute")
    answers = desk.hear()
    assert [answer.id for answer in answers if isinstance(answer, ErrorReply)] == [1, 2]
    assert len(desk.calls) == 0
    assert desk.calls.outcomes == {"internal": 2}
