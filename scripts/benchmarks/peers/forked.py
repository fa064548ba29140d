"""A forked child at the other end of a socketpair: what a round trip costs without any supervision."""

from __future__ import annotations

import os
import socket
import struct
from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BufferedReader
from typing import Any, ClassVar, Final

import msgpack

from benchmarks.chores import Hang, hang
from benchmarks.contestant import Contestant

__all__ = ["BareFrames", "RawSocketpair"]

_HEADER: Final = struct.Struct(">I")
_HANG: Final = b"hang"  # begins a frame that no measured payload begins with


class _Forked(Contestant):
    """The child answers each length-prefixed frame with another; nothing watches it, nothing restarts it."""

    def start(self) -> None:
        ours, theirs = socket.socketpair()
        self._child = os.fork()
        if self._child == 0:
            ours.close()
            _run_child(theirs, self._answer)
        theirs.close()
        self._socket = ours
        self._reader = ours.makefile("rb")

    def close(self) -> None:
        self._reader.close()
        self._socket.close()
        with suppress(ChildProcessError):
            os.waitpid(self._child, 0)

    def worker_pid(self) -> int:
        return self._child

    def hang(self, how: Hang, sign: str, timeout_s: float | None = None) -> None:
        self._socket.settimeout(timeout_s)
        self._send(b"\n".join((_HANG, how.encode(), sign.encode())))
        self._receive()

    def pipelined(self, count: int, window: int) -> None:
        payload = self.payload(64)
        for sent in range(count):
            if sent >= window:
                self._take()
            self._give(payload)
        for _ in range(min(count, window)):
            self._take()

    def call(self, payload: Any) -> Any:
        self._give(payload)
        return self._take()

    @abstractmethod
    def _give(self, payload: Any) -> None: ...

    @abstractmethod
    def _take(self) -> Any: ...

    @staticmethod
    @abstractmethod
    def _answer(frame: bytes) -> bytes: ...

    def _send(self, frame: bytes) -> None:
        self._socket.sendall(_HEADER.pack(len(frame)) + frame)

    def _receive(self) -> bytes:
        return _read_frame(self._reader)


class RawSocketpair(_Forked):
    """Bytes there and back: the floor that every other round trip is compared with."""

    name: ClassVar[str] = "socketpair"
    title: ClassVar[str] = "forked child on a socketpair, bytes echoed as they are"

    def payload(self, size: int) -> bytes:
        return b"\xa5" * size

    def _give(self, payload: bytes) -> None:
        self._send(payload)

    def _take(self) -> bytes:
        return self._receive()

    @staticmethod
    def _answer(frame: bytes) -> bytes:
        return frame


class BareFrames(_Forked):
    """The same with a msgpack map in each frame, written and read at both ends."""

    name: ClassVar[str] = "bare-frames"
    title: ClassVar[str] = "forked child on a socketpair, msgpack requests and results"
    cannot: ClassVar[Mapping[str, str]] = {}

    def __init__(self) -> None:
        self._id = 0

    def _give(self, payload: Any) -> None:
        self._id += 1
        self._send(msgpack.packb({"id": self._id, "command": "ping", "args": {"payload": payload}}))

    def _take(self) -> Any:
        return msgpack.unpackb(self._receive())["result"]["payload"]

    @staticmethod
    def _answer(frame: bytes) -> bytes:
        request = msgpack.unpackb(frame)
        return msgpack.packb({"id": request["id"], "result": request["args"]})


def _run_child(connection: socket.socket, answer: Callable[[bytes], bytes]) -> None:
    """Serve until the parent closes its end, then end without running the parent's exit handlers."""
    try:
        reader = connection.makefile("rb")
        while True:
            frame = _read_frame(reader)
            if frame.startswith(_HANG):
                _, how, sign = frame.decode().split("\n")
                hang(how, sign)
            reply = answer(frame)
            connection.sendall(_HEADER.pack(len(reply)) + reply)
    except (EOFError, OSError):
        os._exit(0)
    except BaseException:  # noqa: BLE001 - the forked copy of the parent must never continue as the parent
        os._exit(1)


def _read_frame(reader: BufferedReader) -> bytes:
    header = reader.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise EOFError("the other end of the socketpair is closed")
    (length,) = _HEADER.unpack(header)
    frame = reader.read(length)
    if len(frame) < length:
        raise EOFError("the other end of the socketpair closed inside a frame")
    return frame
