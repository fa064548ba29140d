"""A worker whose calls run on the thread that reads: who reads meanwhile, and what is said before there is a pipe."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from dspash_protocol import Notice, NoticeName, Received, Request, Result, Role, Session
from dspash_worker.channel import Channel, Ending
from dspash_worker.own_thread import OwnThread
from dspash_worker.stdio import Pipes

BOUND_S = 10.0


@dataclass
class Desk:
    """A channel that is not open yet, requests served on the thread that reads, and the host's end."""

    host: socket.socket
    theirs: socket.socket
    session: Session
    channel: Channel
    served: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # request, thread
    received: list[Received] = field(default_factory=list[Received])
    goes_on: threading.Event = field(default_factory=threading.Event)
    endings: list[Ending] = field(default_factory=list[Ending])

    def serve(self, request: Request) -> None:
        if request.command == "wait":
            self.channel.have_read()
            self.channel.have_read()  # one is enough
            assert self.goes_on.wait(BOUND_S)
        self.served.append((request.id, threading.get_ident()))
        self.channel.send(Result(request.id, request.args))

    def run(self) -> None:
        work: OwnThread[Request] = OwnThread(self.serve)

        def receive(message: Received) -> None:
            self.received.append(message)
            if isinstance(message, Notice):
                self.goes_on.set()
            elif isinstance(message, Request):
                work.submit(message)

        self.channel.open(Pipes(os.dup(self.theirs.fileno()), os.dup(self.theirs.fileno())))
        self.theirs.close()
        self.endings.append(self.channel.run(receive, work))

    def say(self, *messages: Request | Notice) -> None:
        self.host.sendall(b"".join(self.session.send(message) for message in messages))

    def hear(self, count: int) -> list[Received]:
        heard: list[Received] = []
        while len(heard) < count:
            heard += self.session.receive(self.host.recv(1 << 16))
        return heard


@pytest.fixture
def desk() -> Iterator[Desk]:
    ours, theirs = socket.socketpair()
    ours.settimeout(BOUND_S)
    worker, host = Session(Role.WORKER), Session(Role.HOST)
    channel = Channel(None, worker)
    desk = Desk(ours, theirs, host, channel)
    for message in worker.receive(host.send(Request(1, "hello", {"protocol": 1}))):
        assert isinstance(message, Request)
        channel.send(Result(message.id, {"protocol": 1}))
    channel.send(Notice(NoticeName.READY, {}))
    thread = threading.Thread(target=desk.run)
    thread.start()
    yield desk
    ours.close()
    thread.join(BOUND_S)
    assert not thread.is_alive()
    assert desk.endings == [Ending.EOF]
    channel.disown()


def test_what_was_said_before_there_was_a_pipe_comes_in_one_piece(desk: Desk) -> None:
    answer, notice = desk.session.receive(desk.host.recv(1 << 16))
    assert isinstance(answer, Result)
    assert isinstance(notice, Notice)


def test_requests_are_served_in_their_order_by_the_thread_that_reads(desk: Desk) -> None:
    desk.hear(2)
    desk.say(*(Request(number, "echo", {}) for number in range(2, 12)))
    assert [message.id for message in desk.hear(10) if isinstance(message, Result)] == list(range(2, 12))
    assert len({thread for _, thread in desk.served}) == 1


def test_another_thread_reads_for_one_that_waits(desk: Desk) -> None:
    desk.hear(2)
    desk.say(Request(2, "wait", {}), Notice("go_on", {}), Request(3, "echo", {}))
    assert {message.id for message in desk.hear(2) if isinstance(message, Result)} == {2, 3}
    desk.say(Request(4, "wait", {}))  # by now that other thread reads for good
    desk.hear(1)
    assert [request for request, _ in desk.served] == [2, 3, 4]
    assert len({thread for _, thread in desk.served}) == 1
