"""Peer: the worker's side of a channel, and of the process that the host believes it is."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dspash.bridge.process import Group, Process
from dspash.bridge.stderr_tail import StderrTail
from dspash_protocol import (
    BrokenFramingError,
    LocalProtocolError,
    Notice,
    Received,
    Request,
    Result,
    Role,
    Session,
    TruncatedFrameError,
)

if TYPE_CHECKING:
    from dspash.bridge.pump import Pump

__all__ = ["Peer", "PeerProcess"]


class PeerProcess(Process):
    """A process that is none: to kill it closes the peer's end. The worker's reader sees the same as of a real one."""

    def __init__(self, peer: Peer) -> None:
        read, write = os.pipe()
        os.close(write)
        super().__init__(0, None, Group(0, ""), StderrTail(read))
        self._peer = peer

    def watch(self, pump: Pump, on_end: Callable[[], None]) -> None:
        """Its end is that of its pipe."""

    def unwatch(self, pump: Pump) -> None:
        """Nothing was watched."""

    def kill(self) -> None:
        """End what it would say."""
        self._peer.hang_up()

    def close(self) -> None:
        """Let go of the descriptors."""
        self.stderr.close()


class Peer:
    """One end of a socket pair: it greets as a worker does, and then says whatever it is given."""

    def __init__(self) -> None:
        self.theirs, self._ours = socket.socketpair()
        self._session = Session(Role.WORKER)

    def greet(self) -> None:
        """Answer the host's hello, and say that it is ready. Raises OSError."""
        for message in self._hear():
            if isinstance(message, Request):
                self._say(Result(message.id, {"protocol": 1, "max_frame": 1 << 20, "features": []}))
        self._say(Notice("ready", {"layers": ["seccomp"]}))

    def answer(self) -> None:
        """Answer every request with its own arguments, as `ping` does. Raises OSError."""
        for message in self._hear():
            if isinstance(message, Request):
                self._say(Result(message.id, message.args))

    def send(self, data: bytes) -> bool:
        """Say something; False once nobody listens, or does not for a while."""
        try:
            self._ours.sendall(data)
        except OSError:
            return False
        return True

    def listen(self) -> None:
        """Take what the host has said, and forget it: a peer that does not would only fill a buffer."""
        with contextlib.suppress(OSError):
            while self._ours.recv(1 << 18, socket.MSG_DONTWAIT):
                pass

    def hang_up(self) -> None:
        """Say no more. From any thread."""
        with contextlib.suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the socket."""
        self._ours.close()

    def _say(self, message: Any) -> None:
        self._ours.sendall(self._session.send(message))

    def _hear(self) -> list[Received]:
        try:
            return self._session.receive(self._ours.recv(1 << 18))
        except (BrokenFramingError, TruncatedFrameError, LocalProtocolError) as error:
            raise AssertionError(f"the host said what it may not: {error}") from error
