"""gRPC: a server in a subprocess, unary calls over a unix socket. As a program, this module is that server."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Final

import msgpack

from benchmarks.chores import Hang, hang
from benchmarks.contestant import Contestant, drain_window
from benchmarks.peers.missing import load

__all__ = ["Grpc", "serve"]

_SERVICE: Final = "benchmarks.Worker"
_OPTIONS: Final = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
_THREADS: Final = 4  # as many calls as a dspash worker runs at a time


class Grpc(Contestant):
    """grpcio, synchronous, generic handlers; nothing restarts a lost server."""

    name: ClassVar[str] = "grpc"
    title: ClassVar[str] = "gRPC unary calls to a local server process, msgpack in bytes"

    def __init__(self) -> None:
        self._grpc = load("grpc")

    def start(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bench-grpc-")
        address = f"unix:{self._folder.name}/socket"
        command = [sys.executable, "-m", __name__, address]
        self._server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self._server.stdout is not None, "asked for above"
        self._server.stdout.readline()  # it listens
        self._channel = self._grpc.insecure_channel(address, options=_OPTIONS)
        self._echo = self._channel.unary_unary(f"/{_SERVICE}/Echo", msgpack.packb, msgpack.unpackb)
        self._hang = self._channel.unary_unary(f"/{_SERVICE}/Hang", msgpack.packb, msgpack.unpackb)

    def close(self) -> None:
        self._channel.close()
        self._server.kill()
        self._server.communicate()
        self._folder.cleanup()

    def call(self, payload: Any) -> Any:
        return self._echo(payload)

    def pipelined(self, count: int, window: int) -> None:
        payload = self.payload(64)
        drain_window(lambda: self._echo.future(payload), count, window)

    def hang(self, how: Hang, sign: str, timeout_s: float | None = None) -> None:
        self._hang([how, sign], timeout=timeout_s)

    def worker_pid(self) -> int:
        return self._server.pid


def serve(address: str) -> None:
    """Answer until killed; one line on stdout says that the socket is open."""
    grpc = load("grpc")

    def unary(behaviour: Callable[[Any], Any]) -> Any:
        return grpc.unary_unary_rpc_method_handler(
            lambda request, _context: behaviour(request), msgpack.unpackb, msgpack.packb
        )

    handlers = {"Echo": unary(lambda payload: payload), "Hang": unary(lambda order: hang(*order))}
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=_OPTIONS)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    server.add_insecure_port(address)
    server.start()
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    server.wait_for_termination()


if __name__ == "__main__":
    serve(sys.argv[1])
