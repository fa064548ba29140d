"""Control: the zygote's socket to its host. One message a datagram, descriptors beside it."""

from __future__ import annotations

import array
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dspash_protocol import InvalidPayloadError
from dspash_protocol.birth import (
    MAX_DATAGRAM,
    MAX_DESCRIPTORS,
    FromHost,
    FromZygote,
    Spawn,
    read_from_host,
    write_datagram,
)

__all__ = ["Control", "Refused", "Told"]

_SPAWNS_WITH: Final = 2
"""A Spawn comes with the worker's end of the channel and the write end of its stderr."""

_ROOM: Final = socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)
_CUT: Final = socket.MSG_TRUNC | socket.MSG_CTRUNC


@dataclass(frozen=True, slots=True)
class Told:
    """What the host said, with the descriptors that came beside it, which are the taker's to close."""

    message: FromHost
    descriptors: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A datagram that makes no sense; its descriptors are closed. `id` is the Spawn's, where it could be read."""

    problem: str
    id: int | None = None


class Control:
    """The socket. Waits for nothing but for room, when the host does not read."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the system's signature
        self._socket = socket.socket(fileno=descriptor)

    def fileno(self) -> int:
        """Where it is read."""
        return self._socket.fileno()

    def receive(self) -> Told | Refused | None:
        """The next datagram, once there is one; None when the host has closed its end."""
        try:
            datagram, beside, flags, _ = self._socket.recvmsg(MAX_DATAGRAM, _ROOM, socket.MSG_CMSG_CLOEXEC)
        except ConnectionError:
            return None
        descriptors = array.array("i")
        for level, kind, data in beside:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        told = _read(datagram, descriptors, flags) if datagram else None
        if not isinstance(told, Told):
            for descriptor in descriptors:
                os.close(descriptor)
        return told

    def send(self, message: FromZygote, descriptors: Sequence[int] = ()) -> None:
        """Say something. Raises OSError when the host is gone."""
        # Not socket.send_fds, nor recv_fds above: both take flags and pass them on to nobody.
        rights = (
            [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        )
        self._socket.sendmsg([write_datagram(message)], rights, socket.MSG_NOSIGNAL)


def _read(datagram: bytes, descriptors: Sequence[int], flags: int) -> Told | Refused:
    if flags & _CUT:
        return Refused(f"a message has at most {MAX_DATAGRAM} bytes and {MAX_DESCRIPTORS} descriptors")
    try:
        message = read_from_host(datagram)
    except InvalidPayloadError as error:
        return Refused(str(error), error.request_id)
    wanted = _SPAWNS_WITH if isinstance(message, Spawn) else 0
    if len(descriptors) != wanted:
        problem = f"{wanted} descriptors belong to it, {len(descriptors)} came"
        return Refused(problem, message.id if isinstance(message, Spawn) else None)
    return Told(message, tuple(descriptors))
