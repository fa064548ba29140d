"""Protocol: speaking to the host out of turn, for others, or without end.

What a host without budgets does with it shows as a trusted worker: it has the same channel.
"""

from __future__ import annotations

from typing import Final

from tests.escape.attempt import Attempt, Control, Proof

__all__ = ["PROTOCOL"]

_SPEAK: Final = """
import msgpack

CHANNEL = next(sockets())  # the worker's own, which it may know under two numbers

def say(message):
    payload = msgpack.packb(message)
    rest = struct.pack(">I", len(payload)) + payload
    while rest:
        try:
            rest = rest[os.write(CHANNEL, rest):]
        except BlockingIOError:
            time.sleep(0.001)
"""

PROTOCOL: Final = (
    Attempt(
        "answers_for_others",
        "answer a call that somebody else waits for",
        _SPEAK
        + """
def attempt(planted):
    for number in range(1, 400):
        say({"id": number, "result": {"fields": {"answer": planted["mark"]}, "meta": {}}})
    time.sleep(0.3)
""",
        proof=Proof.SEEN,
        control=Control.WORKER,
    ),
    Attempt(
        "tool_of_another_call",
        "use a tool that another call was given, by naming that call",
        _SPEAK
        + """
def attempt(planted):
    for number in range(1, 400):
        ask = {"call": number, "name": "vault", "args": {"text": planted["mark"]}}
        say({"id": -100000 - number, "command": "tool.call", "args": ask})
    time.sleep(0.3)
""",
        proof=Proof.SEEN,
        control=Control.WORKER,
    ),
    Attempt(
        "notices_without_end",
        "keep the host busy with what needs no answer",
        _SPEAK
        + """
def attempt(planted):
    for number in range(8000):
        say({"notice": "heartbeat", "data": {"rss": number}})
    return True
""",
        proof=Proof.SAID,
        control=Control.WORKER,
    ),
    Attempt(
        "events_without_end",
        "keep the host busy with events of the own call",
        _SPEAK
        + """
def attempt(planted):
    for number in range(8000):
        say({"id": 1, "event": {"kind": "progress", "seq": number, "data": {}}})
    return True
""",
        proof=Proof.SAID,
        control=Control.WORKER,
    ),
    Attempt(
        "questions_without_end",
        "keep the host busy with questions, of which it must remember every one",
        _SPEAK
        + """
def attempt(planted):
    for number in range(6000):
        say({"id": -100000 - number, "command": "no.such", "args": {}})
    return True
""",
        proof=Proof.SAID,
        control=Control.WORKER,
    ),
    Attempt(
        "frame_of_many_megabytes",
        "have the host keep much for a call that answers little",
        _SPEAK
        + """
def attempt(planted):
    say({"notice": "log", "data": {"text": "x" * (8 << 20)}})
    return True
""",
        proof=Proof.SAID,
        control=Control.WORKER,
    ),
    Attempt(
        "descriptors_for_the_host",
        "send descriptors to the host, which has to take or to close them",
        """
        import socket

        def attempt(planted):
            for fd in sockets():
                with socket.socket(fileno=os.dup(fd)) as channel:
                    socket.send_fds(channel, [b""], [0] * 16)
                    return True
        """,
        proof=Proof.SAID,
    ),
)
