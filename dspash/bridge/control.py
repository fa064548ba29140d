"""Control: the host's end of the socket to a zygote. One message a datagram, descriptors beside it; nothing waits."""

from __future__ import annotations

import array
import socket
from collections.abc import Sequence
from typing import Final

from dspash_protocol.birth import (
    MAX_DATAGRAM,
    MAX_DESCRIPTORS,
    FromHost,
    FromZygote,
    read_from_zygote,
    write_datagram,
)

__all__ = ["Control"]

BUFFER_BYTES: Final = 1 << 20  # asked of the kernel: births that are requested while the zygote is at one

_ROOM: Final = socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)


class Control:
    """Messages go out from one thread and come in on another."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        self._socket = sock

    def fileno(self) -> int:
        """Where it is read; -1 once closed."""
        return self._socket.fileno()

    def send(self, message: FromHost, descriptors: Sequence[int] = ()) -> None:
        """Say something. Raises OSError: EAGAIN when the zygote has too much to do, else because it is gone."""
        # Not socket.send_fds, nor recv_fds below: both take flags and pass them on to nobody.
        rights = (
            [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        )
        self._socket.sendmsg([write_datagram(message)], rights, socket.MSG_NOSIGNAL)

    def receive(self) -> tuple[FromZygote, tuple[int, ...]] | None:
        """The next message with its descriptors, which are the taker's; None when the zygote is gone.

        Raises BlockingIOError when there is none yet, InvalidPayloadError when it makes no sense.
        """
        try:
            datagram, beside, _, _ = self._socket.recvmsg(MAX_DATAGRAM, _ROOM, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            raise
        except OSError:
            return None
        descriptors = array.array("i")
        for level, kind, data in beside:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        return (read_from_zygote(datagram), tuple(descriptors)) if datagram else None

    def close(self) -> None:
        """Let go of it; a zygote whose control is closed ends, and its workers with it."""
        self._socket.close()
