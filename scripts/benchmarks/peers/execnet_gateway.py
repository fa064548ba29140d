"""execnet: a channel to a loop in another interpreter."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from benchmarks.chores import HANG_SOURCE, Hang
from benchmarks.contestant import Contestant
from benchmarks.peers.missing import load

__all__ = ["Execnet"]

_LOOP: Final = f"""
import os
channel.send(os.getpid())
for message in channel:
    if type(message) is tuple:
        how, sign = message
        exec({HANG_SOURCE!r})
    channel.send(message)
"""


class Execnet(Contestant):
    """execnet.makegateway("popen"); nothing restarts a lost gateway."""

    name: ClassVar[str] = "execnet"
    title: ClassVar[str] = "execnet popen gateway, one channel"

    def __init__(self) -> None:
        self._execnet = load("execnet")

    def start(self) -> None:
        self._group = self._execnet.Group()
        self._channel = self._group.makegateway("popen").remote_exec(_LOOP)
        self._pid: int = self._channel.receive()

    def close(self) -> None:
        self._group.terminate(timeout=1)

    def call(self, payload: Any) -> Any:
        self._channel.send(payload)
        return self._channel.receive()

    def pipelined(self, count: int, window: int) -> None:
        payload = self.payload(64)
        send, receive = self._channel.send, self._channel.receive
        for sent in range(count):
            if sent >= window:
                receive()
            send(payload)
        for _ in range(min(count, window)):
            receive()

    def hang(self, how: Hang, sign: str, timeout_s: float | None = None) -> None:
        self._channel.send((str(how), sign))
        self._channel.receive(timeout_s)

    def worker_pid(self) -> int:
        return self._pid
