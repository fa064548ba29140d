"""The channel by itself, on a socketpair whose other end is ours."""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dspash_protocol import Codec, Notice, NoticeName, Received, Request, Result, Role, Session
from dspash_worker.channel import Channel, Ending
from dspash_worker.stdio import Pipes
from dspash_worker.writer import HIGH_WATER
from tests.leaks import wait_until

BOUND_S = 10.0


@dataclass
class Link:
    """A channel whose loop runs in a thread, and the host's end of it."""

    channel: Channel
    host: socket.socket
    session: Session
    received: list[Received]
    loop: threading.Thread
    endings: list[Ending]

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += self.host.recv(min(1 << 20, count - len(data)))
        return data

    def end(self) -> Ending:
        self.loop.join(BOUND_S)
        return self.endings[0]


@pytest.fixture
def link() -> Iterator[Link]:
    ours, theirs = socket.socketpair()
    ours.settimeout(BOUND_S)
    reading, writing = os.dup(theirs.fileno()), os.dup(theirs.fileno())
    theirs.close()
    worker = Session(Role.WORKER)
    channel = Channel(Pipes(reading, writing), worker)
    received: list[Received] = []
    endings: list[Ending] = []
    host = Session(Role.HOST)
    ours.sendall(host.send(Request(1, "hello", {"protocol": 1})))

    def run() -> None:
        def receive(message: Received) -> None:
            received.append(message)
            if isinstance(message, Request):
                channel.send(Result(message.id, message.args))

        endings.append(channel.run(receive))

    loop = threading.Thread(target=run)
    loop.start()
    (greeting,) = host.receive(ours.recv(4096))
    assert isinstance(greeting, Result)
    yield Link(channel, ours, host, received, loop, endings)
    ours.close()
    loop.join(BOUND_S)
    assert not loop.is_alive()
    channel.disown()


def test_frames_of_many_threads_arrive_whole_and_each_threads_in_order(link: Link) -> None:
    def send(thread: int) -> None:
        for number in range(100):
            text = "x" * (number * 37 % 5000)
            link.channel.send(Notice(NoticeName.LOG, {"thread": thread, "number": number, "text": text}))

    threads = [threading.Thread(target=send, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    seen: dict[int, int] = {}
    count = 0
    while count < 800:
        for notice in link.session.receive(link.host.recv(1 << 18)):
            assert isinstance(notice, Notice)
            assert len(notice.data["text"]) == notice.data["number"] * 37 % 5000
            assert notice.data["number"] == seen.get(notice.data["thread"], -1) + 1
            seen[notice.data["thread"]] = notice.data["number"]
            count += 1
    for thread in threads:
        thread.join(BOUND_S)


def test_what_is_worth_nothing_late_is_left_out_while_something_waits(link: Link) -> None:
    beat = Notice(NoticeName.HEARTBEAT, {"seq": 0})
    assert link.channel.send_unless_waiting(beat)
    while not link.channel.waiting_bytes:
        link.channel.send(Notice(NoticeName.LOG, {"line": "x" * 100_000}))
    assert not link.channel.send_unless_waiting(beat)


def test_threads_that_produce_wait_while_too_much_waits_and_go_on_when_read(link: Link) -> None:
    frame = Notice(NoticeName.LOG, {"line": "x" * 1_000_000})
    sent = 0
    while link.channel.waiting_bytes <= HIGH_WATER:
        link.channel.send(frame)
        sent += 1
    passed = threading.Event()
    waiting = threading.Thread(target=lambda: (link.channel.throttle(), passed.set()))
    waiting.start()
    assert not passed.wait(0.02)
    link.read(sent * len(link.session.send(frame)))
    assert passed.wait(BOUND_S)
    waiting.join(BOUND_S)
    # The host may have read the last bytes before the thread that wrote them has noted it.
    wait_until(lambda: link.channel.waiting_bytes == 0, "everything to be noted as written")


def test_stop_sends_what_waits_and_then_ends(link: Link) -> None:
    frame = Notice(NoticeName.LOG, {"line": "x" * 1_000_000})
    for _ in range(3):
        link.channel.send(frame)
    link.channel.stop()
    assert len(link.read(3 * len(link.session.send(frame)))) > 3_000_000
    assert link.end() is Ending.STOPPED


def test_throttled_threads_go_on_when_the_host_is_gone(link: Link) -> None:
    while link.channel.waiting_bytes <= HIGH_WATER:
        link.channel.send(Notice(NoticeName.LOG, {"line": "x" * 1_000_000}))
    waiting = threading.Thread(target=link.channel.throttle)
    waiting.start()
    link.host.close()
    waiting.join(BOUND_S)
    assert not waiting.is_alive()
    assert link.end() is Ending.EOF
    with pytest.raises(ConnectionError, match="the host closed the pipe"):
        link.channel.send(Notice(NoticeName.LOG, {}))


def test_host_whose_end_is_held_by_a_stranger_is_noticed_when_it_stops_listening() -> None:
    """The pipe to the worker never ends, as something else holds it; but nobody reads the other one."""
    to_worker, from_worker = os.pipe(), os.pipe()
    channel = Channel(Pipes(to_worker[0], from_worker[1]), Session(Role.WORKER, codec=Codec.JSON))
    endings: list[Ending] = []
    loop = threading.Thread(target=lambda: endings.append(channel.run(lambda _message: None)))
    loop.start()
    os.close(from_worker[0])
    loop.join(BOUND_S)
    assert endings == [Ending.EOF]
    os.close(to_worker[1])
    channel.disown()


def test_disowned_channel_refuses_to_speak(link: Link) -> None:
    pid = os.fork()
    if pid == 0:
        link.channel.disown()
        try:
            link.channel.send(Notice(NoticeName.LOG, {}))
        except ConnectionError:
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert status == 0
    poll = select.poll()
    poll.register(link.host, select.POLLIN)
    assert poll.poll(0) == []
