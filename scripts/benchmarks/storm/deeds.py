"""Deeds: what a call in the storm makes its worker do. The program itself runs in the worker."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["PROGRAM_SOURCE", "Deed"]


class Deed(StrEnum):
    """What the storm's program is asked for, beside saying its token back."""

    ECHO = "echo"
    DELAY = "delay"  # a slow answer, blocked in C
    SPIN = "spin"  # a slow answer, holding the GIL
    TOOL = "tool"  # ask the host for the answer
    PREDICT = "predict"  # ask the offline model on the way
    RAISE = "raise"
    QUIT = "quit"  # SystemExit, as a command-line tool would
    FLOOD = "flood"  # fill stdout and stderr
    UNSERIALISABLE = "unserialisable"  # a result that cannot travel, and cannot even be printed
    OVERSIZED = "oversized"  # a result that is larger than a frame
    HANG = "hang"  # no answer ever, blocked in C
    LOOP = "loop"  # no answer ever, in Python, swallowing every exception
    DROP = "drop"  # no answer ever: the thread of the call ends without one
    DOUBLE = "double"  # the answer, written once more by the program itself
    FORGE = "forge"  # an answer to a call that nobody made
    RUBBISH = "rubbish"  # bytes that are no frame
    HALF = "half"  # the beginning of a frame, then death
    EXIT = "exit"  # the process ends without a word
    SEGFAULT = "segfault"
    ORPHAN = "orphan"  # leave a process of its own behind, in a session of its own, then die


PROGRAM_SOURCE: Final = '''
import ctypes, faulthandler, os, signal, stat, struct, subprocess, sys, threading, time

import dspy
import msgpack


class Unspeakable:
    """Has no wire form and no text."""

    def __repr__(self):
        raise RuntimeError("not even this")


def protocol_fd():
    """The worker's private end of the pipe: the lowest socket above the usual descriptors."""
    for number in sorted(int(name) for name in os.listdir("/proc/self/fd")):
        if number >= 100 and stat.S_ISSOCK(os.fstat(number).st_mode):
            return number
    raise LookupError("no protocol descriptor found")


def frame(message):
    payload = msgpack.packb(message)
    return struct.pack(">I", len(payload)) + payload


class Storm(dspy.Module):
    def __init__(self):
        super().__init__()
        self.predict = dspy.Predict("question -> answer")

    def forward(self, token, deed, amount, runs):
        with open(runs, "a") as log:
            log.write(token + "\\n")
        return dspy.Prediction(token=getattr(self, "do_" + deed)(token, amount))

    def do_echo(self, token, amount):
        return token

    def do_delay(self, token, amount):
        time.sleep(amount)
        return token

    def do_spin(self, token, amount):
        end = time.monotonic() + amount
        while time.monotonic() < end:
            pass
        return token

    def do_tool(self, token, amount):
        return relay(token=token)

    def do_predict(self, token, amount):
        self.predict(question=token)
        return token

    def do_raise(self, token, amount):
        raise ValueError(token)

    def do_quit(self, token, amount):
        raise SystemExit(token)

    def do_flood(self, token, amount):
        line = "x" * 999
        for _ in range(int(amount)):
            print(line)
            print(line, file=sys.stderr)
        os.write(1, b"y" * 70_000)
        return token

    def do_unserialisable(self, token, amount):
        return Unspeakable()

    def do_oversized(self, token, amount):
        return token + "x" * int(amount)

    def do_hang(self, token, amount):
        time.sleep(3600)

    def do_loop(self, token, amount):
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass

    def do_drop(self, token, amount):
        threading.Event().wait()

    def do_double(self, token, amount):
        call = dspy.settings.get("dspash_call")
        os.write(protocol_fd(), frame({"id": call.id, "result": {"fields": {"token": token}}}))
        return token

    def do_forge(self, token, amount):
        os.write(protocol_fd(), frame({"id": 2**40, "result": {"fields": {"token": token}}}))
        return token

    def do_rubbish(self, token, amount):
        os.write(protocol_fd(), os.urandom(int(amount)))
        return token

    def do_half(self, token, amount):
        os.write(protocol_fd(), frame({"id": 1, "result": {"fields": {"token": token}}})[:7])
        os._exit(0)

    def do_exit(self, token, amount):
        os._exit(3)

    def do_segfault(self, token, amount):
        faulthandler.disable()
        ctypes.string_at(0)

    def do_orphan(self, token, amount):
        subprocess.Popen(["sleep", "3600"], start_new_session=True)
        os.kill(os.getpid(), signal.SIGKILL)
'''
"""A whole module class, as text. Its tool `relay` belongs to the host; `runs` is a file that counts executions."""
