"""What a program does to its own channel costs its own call, with a cause that is named; other calls are right."""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pytest

import dspash
from dspash.sandbox import Limits, Tier
from dspash.supervision import ProtocolBroken

pytestmark = [pytest.mark.bwrap, pytest.mark.timeout(60)]

_TOOLS: Final = '''
import os, signal, socket, stat, struct, time
import dspy
import msgpack

CHANNEL = 3

def frame(message):
    payload = message if isinstance(message, bytes) else msgpack.packb(message)
    return struct.pack(">I", len(payload)) + payload

def say(*messages):
    os.write(CHANNEL, b"".join(map(frame, messages)))

def channels():
    """Every descriptor that is a socket: the worker may know its channel under several numbers."""
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                yield fd
        except OSError:
            continue

class Program(dspy.Module):
    def forward(self):
        deed()
        time.sleep(1)
        return dspy.Prediction(answer="late")

'''
_CALM: Final = """
import dspy

class Calm(dspy.Module):
    def forward(self, word):
        return dspy.Prediction(answer=word + "!")
"""


@dataclass(frozen=True, slots=True)
class Deed:
    """What a program does, the error that its call ends with, and words of its cause; no error where it answers."""

    name: str
    body: str
    error: type[dspash.DspashError]
    cause: str
    limits: Limits = field(default_factory=Limits)

    @property
    def source(self) -> str:
        body = textwrap.indent(textwrap.dedent(self.body).strip(), "    ")
        return f"{_TOOLS}def deed():\n{body}\n"


LOST, LIMIT = dspash.WorkerLostError, dspash.LimitExceededError

DEEDS: Final = (
    Deed("stray_text", 'os.write(CHANNEL, b"Traceback: something")', LOST, "no frame begins with"),
    Deed("noise", 'say(b"\\xff\\x00noise")', LOST, "broke the protocol"),
    Deed("empty_frame", 'say(b"")', LOST, "broke the protocol"),
    Deed("no_message", 'say({"neither": 1})', LOST, "a message has one of"),
    Deed("two_messages_in_one", 'say({"id": 1, "result": 1, "error": "x"})', LOST, "a message has one of"),
    Deed("length_of_a_gigabyte", 'os.write(CHANNEL, b"\\x1f\\xff\\xff\\xff" + b"x" * 60000)', LIMIT, "frame"),
    Deed(
        "frame_over_the_limit",
        """
        try:
            say({"notice": "log", "data": {"text": "x" * (2 << 20)}})
        except BlockingIOError:
            pass
        """,
        LIMIT,
        "frame",
    ),
    Deed("answer_to_no_question", 'say({"id": 4711, "result": 1})', LOST, "answers request 4711"),
    Deed("event_of_no_question", 'say({"id": 4711, "event": {"kind": "item", "seq": 0}})', LOST, "4711"),
    Deed("answer_with_an_id_of_its_own", 'say({"id": -1, "result": 1})', LOST, "wrong sign"),
    Deed("question_with_an_id_of_the_hosts", 'say({"id": 9, "command": "tool.call"})', LOST, "wrong sign"),
    Deed(
        "question_asked_twice",
        'say(*[{"id": -77, "command": "lm.complete", "args": {"call": 1}}] * 2)',
        LOST,
        "on behalf of no call|still open",
    ),
    Deed(
        "question_of_another_call",
        'say({"id": -77, "command": "tool.call", "args": {"call": 4711}})',
        LOST,
        "no call",
    ),
    Deed("question_of_a_host", 'say({"id": 5, "command": "hello", "args": {}})', LOST, "broke the protocol"),
    Deed("complaint_about_the_host", 'say({"notice": "protocol_error", "data": {}})', LOST, "could not read"),
    Deed(
        "nested_too_deep",
        'say(b"\\x82\\xa2id\\x01\\xa6result" + b"\\x91" * 5000 + b"\\x01")',
        LOST,
        "broke the protocol",
    ),
    Deed(
        "announcement_of_too_much",
        'say(b"\\x82\\xa2id\\x01\\xa6result\\xdd\\xff\\xff\\xff\\xff")',
        LOST,
        "broke the protocol",
    ),
    Deed(
        "channel_closed", "for fd in channels():\n    os.close(fd)", LOST, "closed its end|was killed|exited"
    ),
    Deed(
        "channel_replaced",
        """
        near, far = socket.socketpair()
        for fd in channels():
            if fd not in (near.fileno(), far.fileno()):
                os.dup2(near.fileno(), fd)
        """,
        LOST,
        "closed its end|was killed|exited",
    ),
    Deed(
        "channel_to_nowhere",
        "for fd in channels():\n    os.dup2(0, fd)",
        LOST,
        "closed its end|was killed|exited",
    ),
    Deed(
        "channel_half_shut",
        "socket.socket(fileno=os.dup(CHANNEL)).shutdown(socket.SHUT_WR)",
        LOST,
        "closed its end|was killed|exited",
    ),
    Deed("every_descriptor_closed", "os.closerange(0, 256)", LOST, "closed its end|was killed|exited"),
    Deed(
        "frame_never_finished",
        'os.write(CHANNEL, b"\\x00\\x00\\x10\\x00half")\ntime.sleep(20)',
        LIMIT,
        "frame_time",
    ),
    Deed(
        "frames_that_are_hard_to_read",
        """
        bomb = frame(b"\\x82\\xa6notice\\xa1x\\xa4data\\x81\\xa1a\\xdd\\x00\\x0f\\x00\\x00" + b"\\x90" * 0xF0000)
        for _ in range(200):
            rest = memoryview(bomb)
            while rest:
                try:
                    rest = rest[os.write(CHANNEL, rest):]
                except BlockingIOError:
                    time.sleep(0.001)
        """,
        LIMIT,
        "reading",
    ),
    Deed("exit", "os._exit(0)", LOST, "exited"),
    Deed(
        "crash", "os.kill(os.getpid(), signal.SIGSEGV)\nimport ctypes; ctypes.string_at(0)", LOST, "SIGSEGV"
    ),
    Deed("abort", "os.abort()", LOST, "SIGABRT|SIGSEGV|killed"),
    Deed("recursion_in_c", "import ctypes; ctypes.CDLL(None).abort()", LOST, "SIGABRT|SIGSEGV|killed"),
    Deed("too_long", "time.sleep(20)", LIMIT, "wall", Limits(wall_s=0.3)),
)


@pytest.fixture(scope="module")
def app() -> Iterator[dspash.App]:
    with dspash.open(sandbox=Tier.STRICT, timeout_s=30) as opened:
        yield opened


@pytest.fixture(scope="module")
def calm(app: dspash.App) -> dspash.Program:
    return app.program("calm", source=_CALM)


@pytest.mark.parametrize("deed", DEEDS, ids=[deed.name for deed in DEEDS])
def test_deed_costs_its_own_call_only(app: dspash.App, calm: dspash.Program, deed: Deed) -> None:
    program = app.program(deed.name, source=deed.source, limits=deed.limits)
    beside: list[str] = []
    over = threading.Event()

    def go_on_calling() -> None:
        while not over.is_set():
            beside.append(app.run(calm, {"word": "beside"})["answer"])

    caller = threading.Thread(target=go_on_calling)
    caller.start()
    try:
        with pytest.raises(deed.error, match=deed.cause):
            app.run(program, {})
    finally:
        over.set()
        caller.join(30)
    assert beside
    assert set(beside) == {"beside!"}
    assert app.run(calm, {"word": "next"})["answer"] == "next!"


def test_program_that_hears_nothing_any_more_has_its_own_call_answered(
    app: dspash.App, calm: dspash.Program
) -> None:
    body = "socket.socket(fileno=os.dup(CHANNEL)).shutdown(socket.SHUT_RD)"
    program = app.program("channel_deaf", source=Deed("channel_deaf", body, LOST, "").source)
    assert app.run(program, {})["answer"] == "late"
    assert app.run(calm, {"word": "next"})["answer"] == "next!"


def test_program_may_give_any_answer_to_its_own_call_and_no_second_one(
    app: dspash.App, calm: dspash.Program
) -> None:
    forged = {"fields": {"answer": "forged"}, "meta": {}}
    body = f"for number in range(1, 9):\n    say(dict(id=number, result={forged!r}))"
    program = app.program("forger", source=Deed("forger", body, LOST, "").source)
    for _ in range(3):
        with pytest.raises(dspash.WorkerLostError) as caught:
            app.run(program, {})
        assert isinstance(caught.value.exit, ProtocolBroken)
        assert app.run(calm, {"word": "next"})["answer"] == "next!"
