"""The reader by itself: who reads, and what becomes of the permanent thread's wait meanwhile."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from dspash_protocol import Received, Request, Result, Role, Session
from dspash_worker.reader import Reader, StreamEnd

BOUND_S = 10.0


@dataclass
class Wait:
    """The permanent thread's wait, which notes what it is told."""

    told: list[str] = field(default_factory=list)

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")


@dataclass
class Scene:
    """A reader at one end of a socketpair, and the host's end."""

    host: socket.socket
    session: Session
    worker: Session
    reader: Reader
    received: list[Received]
    wait: Wait
    ids: Iterator[int] = field(default_factory=lambda: count(2))

    def say(self, payload: object) -> None:
        self.host.sendall(self.session.send(Request(next(self.ids), "ping", {"payload": payload})))

    @property
    def payloads(self) -> list[Any]:
        pings = (message for message in self.received if isinstance(message, Request) and message.id > 1)
        return [message.args["payload"] for message in pings]


@pytest.fixture
def scene() -> Iterator[Scene]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    worker, host = Session(Role.WORKER), Session(Role.HOST)
    received: list[Received] = []
    reader = Reader(theirs.fileno(), worker, received.append)
    ours.sendall(host.send(Request(1, "hello", {"protocol": 1})))
    reader.read()
    host.receive(worker.send(Result(1, {})))
    yield Scene(ours, host, worker, reader, received, Wait())
    ours.close()
    theirs.close()


def test_a_leader_reads_until_it_has_what_it_waits_for_and_pauses_the_permanent_thread(scene: Scene) -> None:
    for number in range(3):
        scene.say(number)
    scene.reader.lead(lambda: len(scene.payloads) >= 3, scene.wait, own=9)
    assert scene.payloads == [0, 1, 2]
    assert scene.wait.told == ["pause", "resume"]


def test_a_host_that_never_pauses_is_not_read_for_ever(scene: Scene) -> None:
    """The permanent thread has answers to write, too."""

    def answer_and_hear_more(message: Received) -> None:
        assert isinstance(message, Request)
        scene.worker.send(Result(message.id, {}))
        scene.say("again")

    scene.reader._receive = answer_and_hear_more
    scene.say("once")
    scene.reader.read()
    assert scene.reader.is_readable()


def test_a_leader_for_whom_nothing_comes_gives_up(scene: Scene) -> None:
    scene.reader.lead(lambda: False, scene.wait, own=9)
    assert scene.payloads == []
    assert scene.wait.told == ["pause", "resume"]


def test_a_thread_that_serves_nothing_leaves_the_reading_to_those_that_do(scene: Scene) -> None:
    scene.say("served elsewhere")
    scene.reader.read()
    scene.say("read elsewhere")
    scene.reader.lead(lambda: False, scene.wait, own=0)
    assert scene.payloads == ["served elsewhere"]


def test_while_one_thread_reads_no_other_does(scene: Scene) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def is_over() -> bool:
        inside.set()
        assert go_on.wait(BOUND_S)
        return True

    leader = threading.Thread(target=scene.reader.lead, args=(is_over, scene.wait), kwargs={"own": 9})
    leader.start()
    assert inside.wait(BOUND_S)
    scene.say("unread")
    scene.reader.read()
    other = Wait()
    scene.reader.lead(lambda: False, other, own=9)
    assert (scene.payloads, other.told) == ([], [])
    go_on.set()
    leader.join(BOUND_S)
    scene.reader.read()
    assert scene.payloads == ["unread"]


def test_the_end_that_a_leader_meets_is_seen_once_all_was_received(scene: Scene) -> None:
    scene.say("last")
    scene.host.shutdown(socket.SHUT_WR)
    seen: list[StreamEnd | None] = []

    def is_over() -> bool:
        if scene.payloads:
            seen.append(scene.reader.end)
        return False

    scene.reader.lead(is_over, scene.wait, own=9)
    assert scene.payloads == ["last"]
    assert scene.reader.end is StreamEnd.EOF
    assert StreamEnd.EOF not in seen
    scene.reader.lead(is_over, scene.wait, own=9)  # nothing is left to read
    assert scene.wait.told == ["pause", "resume"]


def test_an_end_inside_a_frame_is_no_end_of_the_stream_but_a_break(scene: Scene) -> None:
    scene.host.sendall(b"\0\0\0")
    scene.host.shutdown(socket.SHUT_WR)
    scene.reader.lead(lambda: False, scene.wait, own=9)
    assert scene.reader.end is StreamEnd.BROKEN


def test_what_a_message_raises_leaves_the_reading_to_others(scene: Scene) -> None:
    def fail(_message: Received) -> None:
        raise ValueError("a defect")

    scene.reader._receive = fail
    scene.say("lost")
    with pytest.raises(ValueError, match="a defect"):
        scene.reader.lead(lambda: False, scene.wait, own=9)
    assert scene.wait.told == ["pause", "resume"]
    scene.reader._receive = scene.received.append
    scene.say("next")
    scene.reader.read()
    assert scene.payloads == ["next"]
