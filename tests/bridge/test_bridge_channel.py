"""The channel and its reader: both directions at once, back-pressure, and one reader at a time; on a real socket pair."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from dspash.bridge.call import Call, CallOptions, is_delivering
from dspash.bridge.channel import HIGH_WATER_BYTES, Channel
from dspash.bridge.overrun import Overrun
from dspash.bridge.pump import READABLE, Pump
from dspash.bridge.reader import Reader
from dspash_protocol import Received, Request, Result, Role, Session
from tests.leaks import wait_until

BOUND_S = 10.0


class Peer:
    """A channel and its reader on one end of a socket pair; on the other whatever the test makes of it."""

    def __init__(self, pump: Pump) -> None:
        ours, self.far = socket.socketpair()
        self.far.settimeout(BOUND_S)
        self.pump = pump
        self.channel = Channel(ours, pump, on_backlog=lambda: pump.run(self.reader.await_room))
        self.session = Session(Role.HOST)
        self.far_session = Session(Role.WORKER)
        self.heard: list[Received] = []
        self.ended: list[str | None] = []
        self.readers: set[int] = set()
        self.delivering: list[bool] = []
        self.on_message: Callable[[Received], object] = self.heard.append
        self.overruns: list[Overrun] = []
        self.reader = Reader(
            self.channel,
            self.session,
            pump,
            on_message=self._take,
            on_end=self.ended.append,
            on_overrun=self.overruns.append,
        )
        pump.run(self.reader.start)
        self.say(Request(1, "hello", {}))
        self.reply(self.hear(1)[0].id, {})
        wait_until(lambda: self.heard, "the greeting")
        self.heard.clear()

    def _take(self, message: Received) -> None:
        self.readers.add(threading.get_ident())
        self.delivering.append(is_delivering())
        self.on_message(message)

    def say(self, message: Request, **options: float) -> None:
        self.channel.write(self.session.send(message), **options)

    def hear(self, count: int) -> list[Request]:
        """The next requests at the far end."""
        found: list[Request] = []
        while len(found) < count:
            for message in self.far_session.receive(self.far.recv(1 << 16)):
                assert isinstance(message, Request)
                found.append(message)
        return found

    def reply(self, request_id: int, value: object) -> None:
        self.far.sendall(self.far_session.send(Result(request_id, value)))

    def close(self) -> None:
        self.pump.run(self.reader.close)
        self.far.close()


@pytest.fixture
def pump() -> Iterator[Pump]:
    pump = Pump("test-pump")
    yield pump
    assert pump.close()


@pytest.fixture
def peer(pump: Pump) -> Iterator[Peer]:
    peer = Peer(pump)
    yield peer
    peer.close()


def both(*steps: Callable[[], object]) -> Callable[[], None]:
    """One job of several steps."""

    def job() -> None:
        for step in steps:
            step()

    return job


def in_thread(step: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=step, daemon=True)
    thread.start()
    return thread


def on_pump(pump: Pump, step: Callable[[], None]) -> None:
    """Do a step on the pump and wait for it."""
    done = threading.Event()
    pump.run(step)
    pump.run(done.set)
    assert done.wait(BOUND_S)


# --- writing ---


def test_both_ends_writing_megabytes_at_once_do_not_wait_for_each_other(peer: Peer) -> None:
    """Fault 6: each side fills the pipe before it reads anything."""
    payload = "x" * (4 << 20)
    frames = [
        peer.session.send(Request(request_id, "ping", {"payload": payload})) for request_id in range(2, 6)
    ]
    for frame in frames:
        peer.channel.write(frame)
        peer.far_session.receive(frame)  # the far end knows what will come, and has read none of it
    assert peer.channel.has_backlog
    replies = b"".join(peer.far_session.send(Result(request_id, payload)) for request_id in range(2, 6))
    sender = in_thread(lambda: peer.far.sendall(replies))  # blocks until the host reads
    wait_until(lambda: len(peer.heard) == 4, "the host to read while it cannot write")
    arrived = 0
    while arrived < sum(map(len, frames)):
        arrived += len(peer.far.recv(1 << 20))
    sender.join(BOUND_S)
    wait_until(lambda: not peer.channel.has_backlog, "the outbox to be empty")


def test_frames_keep_their_order_and_come_whole_from_many_threads(peer: Peer) -> None:
    count, senders = 60, 4

    def send(sender: int) -> None:
        for number in range(count):
            request_id = 2 + sender + senders * number
            peer.say(Request(request_id, "ping", {"payload": "x" * (number * 997 % 20_000)}))

    threads = [in_thread(lambda sender=sender: send(sender)) for sender in range(senders)]
    heard = [request.id for request in peer.hear(count * senders)]
    for thread in threads:
        thread.join(BOUND_S)
    for sender in range(senders):
        own = [request_id for request_id in heard if (request_id - 2) % senders == sender]
        assert own == sorted(own)
    assert len(set(heard)) == count * senders


def test_a_writer_waits_while_too_much_waits_and_goes_on_when_there_is_room(peer: Peer) -> None:
    big = "x" * (HIGH_WATER_BYTES + (4 << 20))
    wrote = threading.Event()
    until = time.monotonic() + BOUND_S
    writer = in_thread(
        lambda: (peer.say(Request(2, "ping", {"payload": big}), wait_until=until), wrote.set())
    )
    wait_until(lambda: peer.channel.has_backlog, "the pipe to be full")
    assert not wrote.wait(0.05)
    peer.hear(1)
    assert wrote.wait(BOUND_S)
    writer.join(BOUND_S)


@pytest.mark.parametrize("how", ["deadline", "close", "pump"])
def test_a_writer_never_waits_for_ever(peer: Peer, how: str) -> None:
    big = Request(2, "ping", {"payload": "x" * (HIGH_WATER_BYTES + (4 << 20))})
    wrote = threading.Event()
    match how:
        case "deadline":
            in_thread(lambda: (peer.say(big, wait_until=time.monotonic() + 0.01), wrote.set()))
        case "close":
            in_thread(lambda: (peer.say(big, wait_until=time.monotonic() + 3600), wrote.set()))
            wait_until(lambda: peer.channel.has_backlog, "the pipe to be full")
            peer.channel.end_writing()
        case _:
            in_thread(lambda: (peer.say(big), wrote.set()))
    assert wrote.wait(BOUND_S)


def test_writing_to_a_closed_channel_or_a_gone_peer_is_an_error_and_no_signal(peer: Peer) -> None:
    frame = peer.session.send(Request(2, "ping", {}))
    peer.far.close()
    wait_until(lambda: peer.ended, "the end")  # the pump sleeps: what is written now is written at once
    with pytest.raises(BrokenPipeError):
        peer.channel.write(frame)
    peer.channel.end_writing()
    with pytest.raises(BrokenPipeError, match="closed"):
        peer.channel.write(frame)


def test_what_was_written_while_the_pump_was_busy_is_flushed_before_it_sleeps(peer: Peer) -> None:
    busy, go_on = threading.Event(), threading.Event()
    peer.pump.run(both(busy.set, lambda: go_on.wait(BOUND_S)))
    assert busy.wait(BOUND_S)
    peer.say(Request(2, "ping", {}))
    assert peer.channel.has_backlog
    go_on.set()
    assert peer.hear(1)[0].id == 2


# --- reading ---


def make_call() -> Call:
    return Call("ping", {}, CallOptions(60.0))


def test_a_caller_reads_its_own_reply_and_the_pump_those_that_nobody_waits_for(peer: Peer) -> None:
    call = make_call()
    peer.on_message = call.succeed
    peer.say(Request(2, "ping", {}))
    peer.hear(1)
    peer.readers.clear()
    on_pump(peer.pump, lambda: peer.pump.pause(peer.channel.fileno()))
    peer.reply(2, "first")
    peer.reader.lead(call, look=True)
    assert call.has_ended
    assert peer.readers == {threading.get_ident()}
    assert all(peer.delivering)
    peer.readers.clear()
    other = make_call()
    peer.on_message = other.succeed
    peer.say(Request(3, "ping", {}))
    peer.reply(peer.hear(1)[0].id, "second")
    wait_until(lambda: other.has_ended, "the other reply")
    assert peer.readers == {peer.pump._thread.ident}
    assert not is_delivering()


def test_a_caller_leads_for_a_moment_only_and_the_pump_reads_on(peer: Peer) -> None:
    call = make_call()
    peer.reader.lead(call, look=True)  # nothing comes
    assert not call.has_ended
    peer.on_message = call.succeed
    peer.say(Request(2, "ping", {}))
    peer.reply(peer.hear(1)[0].id, "late")
    assert call.future.result(BOUND_S)


def test_a_request_behind_a_busy_pump_is_sent_by_the_caller_that_waits_for_it(peer: Peer) -> None:
    """A callback that waits for what another thread does must not keep that thread's request from being sent."""
    busy, go_on = threading.Event(), threading.Event()
    peer.pump.run(both(busy.set, lambda: go_on.wait(BOUND_S)))
    assert busy.wait(BOUND_S)
    call = make_call()
    peer.on_message = call.succeed
    peer.say(Request(2, "ping", {}))
    far = in_thread(lambda: peer.reply(peer.hear(1)[0].id, "there"))
    end = time.monotonic() + BOUND_S
    while not call.has_ended and time.monotonic() < end:
        peer.reader.lead(call, look=True)
    assert call.has_ended
    go_on.set()
    far.join(BOUND_S)


def test_an_errand_is_run_by_the_caller_that_waits_and_by_nobody_else(peer: Peer) -> None:
    call, stranger = make_call(), make_call()
    ran_by: list[int] = []
    taken: list[bool] = []

    def take(message: Received) -> None:
        assert isinstance(message, Result)
        if message.result == "errand":
            taken.append(peer.reader.hand_over(stranger, lambda: ran_by.append(-1)))
            taken.append(peer.reader.hand_over(call, lambda: ran_by.append(threading.get_ident())))
            taken.append(peer.reader.hand_over(call, lambda: ran_by.append(-2)))
        else:
            call.succeed(message.result)

    peer.on_message = take
    for request_id in (2, 3):
        peer.say(Request(request_id, "ping", {}))
    peer.hear(2)
    on_pump(peer.pump, lambda: peer.pump.pause(peer.channel.fileno()))
    peer.reply(2, "errand")
    peer.reply(3, "done")
    peer.reader.lead(call, look=True)
    wait_until(lambda: call.has_ended, "the reply")
    assert taken == [False, True, False]
    assert ran_by == [threading.get_ident()]


def test_what_a_peer_said_before_its_end_still_counts(peer: Peer) -> None:
    for request_id in (2, 3):
        peer.say(Request(request_id, "ping", {}))
    peer.hear(2)
    peer.reply(2, "whole")
    peer.far.sendall(peer.far_session.send(Result(3, "half"))[:5])
    peer.far.close()
    wait_until(lambda: peer.ended, "the end")
    assert [message.result for message in peer.heard if isinstance(message, Result)] == ["whole"]
    assert peer.ended == [None]


def test_what_came_before_stray_bytes_still_counts_and_the_reader_says_what_is_wrong(peer: Peer) -> None:
    peer.say(Request(2, "ping", {}))
    peer.hear(1)
    peer.far.sendall(peer.far_session.send(Result(2, "whole")) + b"Hello from a library")
    wait_until(lambda: peer.ended, "the end")
    assert [message.result for message in peer.heard if isinstance(message, Result)] == ["whole"]
    assert peer.ended[0] is not None
    assert "Hello from a library" in peer.ended[0]


def test_the_end_of_the_process_ends_the_reading_though_somebody_holds_the_pipe(peer: Peer) -> None:
    peer.say(Request(2, "ping", {}))
    peer.hear(1)
    peer.reply(2, "last words")
    peer.pump.run(peer.reader.process_ended)
    wait_until(lambda: peer.ended, "the end")
    assert len(peer.heard) == 1


@pytest.mark.parametrize("what", ["process_ended", "close"])
def test_what_comes_due_while_a_caller_reads_is_done_when_it_leaves(peer: Peer, what: str) -> None:
    call = make_call()
    inside, go_on = threading.Event(), threading.Event()

    def dawdle(_message: Received) -> None:
        inside.set()
        go_on.wait(BOUND_S)
        call.succeed(None)

    peer.on_message = dawdle
    peer.say(Request(2, "ping", {}))
    peer.hear(1)
    on_pump(peer.pump, lambda: peer.pump.pause(peer.channel.fileno()))
    peer.reply(2, None)
    leader = in_thread(lambda: peer.reader.lead(call, look=True))
    assert inside.wait(BOUND_S)
    assert peer.reader._reading.locked()
    on_pump(peer.pump, getattr(peer.reader, what))
    assert peer.channel.fileno() >= 0  # not closed under the reader: its number could go to somebody else
    assert peer.ended == []
    go_on.set()
    leader.join(BOUND_S)
    on_pump(peer.pump, lambda: None)
    if what == "close":
        assert peer.channel.fileno() == -1
    else:
        assert peer.ended == [None]


def test_a_message_that_shows_a_defect_does_not_cost_those_behind_it(peer: Peer) -> None:
    good: list[Received] = []

    def take(message: Received) -> None:
        if isinstance(message, Result) and message.result == "bad":
            raise RuntimeError("a defect of the host")
        good.append(message)

    peer.on_message = take
    for request_id in (2, 3, 4):
        peer.say(Request(request_id, "ping", {}))
    peer.hear(3)
    frames = [peer.far_session.send(Result(2 + at, value)) for at, value in enumerate(["a", "bad", "c"])]
    peer.far.sendall(b"".join(frames))
    wait_until(lambda: len(good) == 2, "both good ones")
    assert peer.ended == []


def test_a_reader_that_is_interrupted_half_way_ends_the_worker_and_not_the_host(peer: Peer) -> None:
    call = make_call()

    def interrupt(_message: Received) -> None:
        raise KeyboardInterrupt

    peer.on_message = interrupt
    peer.say(Request(2, "ping", {}))
    peer.hear(1)
    on_pump(peer.pump, lambda: peer.pump.pause(peer.channel.fileno()))
    peer.reply(2, None)
    with pytest.raises(KeyboardInterrupt):
        peer.reader.lead(call, look=True)
    assert peer.ended == ["the host was interrupted while it read"]
    assert not is_delivering()
    assert not peer.reader._reading.locked()


# --- the pump ---


def test_jobs_run_on_the_pump_in_order_and_at_once_after_its_end(pump: Pump) -> None:
    ran: list[str] = []
    pump.run(lambda: ran.append("first"))
    pump.run(lambda: pump.run(lambda: ran.append("inside")))
    on_pump(pump, lambda: ran.append("last"))
    assert ran == ["first", "inside", "last"]
    assert pump.close()
    pump.run(lambda: ran.append("after the end"))
    assert ran[-1] == "after the end"


def test_the_pump_may_be_closed_from_its_own_thread(pump: Pump) -> None:
    answers: list[bool] = []
    pump.run(lambda: answers.append(pump.close()))
    assert pump.close()
    assert answers == [False]


def test_one_handler_that_fails_does_not_stop_the_pump(pump: Pump) -> None:
    reading, writing = os.pipe()
    failed = threading.Event()

    def fail(_events: int) -> None:
        os.read(reading, 1)
        failed.set()
        raise RuntimeError("a defect")

    on_pump(pump, lambda: pump.watch(reading, fail, READABLE))
    os.write(writing, b"x")
    assert failed.wait(BOUND_S)
    on_pump(pump, lambda: pump.unwatch(reading))
    for descriptor in (reading, writing):
        os.close(descriptor)


def test_pausing_what_was_closed_meanwhile_harms_nobody(pump: Pump) -> None:
    reading, writing = os.pipe()
    on_pump(pump, lambda: pump.watch(reading, lambda _events: None))
    os.close(reading)  # epoll has dropped it; the pump does not know yet
    pump.pause(reading)
    pump.resume(reading)
    pump._on_ready.pop(reading)
    pump._events.pop(reading)
    os.close(writing)
