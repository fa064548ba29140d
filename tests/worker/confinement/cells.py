"""Cells: confined processes that run a piece of code each, and what came of it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dspash_protocol import Codec, encode
from dspash_protocol.confinement_plan import ConfinementPlan, Layer, ResourceLimits

__all__ = [
    "ALL_LAYERS",
    "DEVICES",
    "STRICT",
    "Cell",
    "CellServer",
    "NotConfinedError",
    "strict_plan",
    "with_limits",
]

BOUND_S = 15.0
HOW = {"outer": False, "prepared": True, "alone": False}
SERVER = Path(__file__).with_name("cell_server.py")
REPOSITORY = Path(__file__).parents[3]

ALL_LAYERS = frozenset(Layer)
DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom"))
LIBRARIES = ("/usr/lib", "/lib", "/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache")

STRICT = ResourceLimits(
    address_space_bytes=3 << 30,
    data_bytes=1 << 30,
    cpu_s=10,
    file_bytes=32 << 20,
    open_files=256,
    threads=64,
    scratch_bytes=64 << 20,
    scratch_inodes=4096,
)


def readable() -> tuple[str, ...]:
    """What Python and its packages are read from here."""
    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [str(REPOSITORY / name) for name in ("bridge_worker", "protocol")]
    paths += [f"{sys.base_prefix}/lib", *LIBRARIES]
    return tuple(dict.fromkeys(path for path in paths if Path(path).exists()))


def strict_plan(
    scratch: Path, *, without: Iterable[Layer] = (), limits: ResourceLimits = STRICT
) -> ConfinementPlan:
    """All layers but some."""
    return ConfinementPlan(
        tier="strict",
        layers=ALL_LAYERS - frozenset(without),
        scratch=str(scratch),
        readable=readable(),
        devices=DEVICES,
        limits=limits,
    )


class NotConfinedError(Exception):
    """The process could not be confined."""

    def __init__(self, report: dict[str, Any]) -> None:
        super().__init__(report["unconfined"])
        self.step: str = report["step"]
        self.errno: int | None = report["errno"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt: its value, or what it raised; the wait status; what it printed."""

    value: Any
    raised: str | None
    errno: int | None
    text: str
    status: int
    printed: str


class Cell:
    """One confined process."""

    def __init__(self, channel: socket.socket, printed: int, status: int) -> None:
        self._channel = channel
        self._lines = channel.makefile("rb")
        self._printed = printed
        self._status = os.fdopen(status, "rb")
        first = self.receive()
        if "unconfined" in first:
            self.close()
            raise NotConfinedError(first)
        self.layers: list[str] = first["layers"]
        self.landlock_abi: int = first["landlock_abi"]
        self.pid = int(self._status.readline())

    def send(self, value: Any) -> None:
        """Give the code a value, which one that has ended does not take."""
        with contextlib.suppress(ConnectionError):
            self._channel.sendall(json.dumps(value).encode() + b"\n")

    def receive(self) -> Any:
        """Take a value from the code."""
        line = self._lines.readline()
        if not line:
            raise EOFError
        return json.loads(line)

    def outcome(self) -> Outcome:
        """Wait for the end."""
        try:
            result = self.receive()
        except (EOFError, ConnectionError):
            result = {}
        status = int(self._status.readline())
        printed = b""
        while select.select([self._printed], [], [], 0)[0] and (part := os.read(self._printed, 65536)):
            printed += part
        self.close()
        return Outcome(
            result.get("value"),
            result.get("raised"),
            result.get("errno"),
            result.get("trace", ""),
            status,
            printed.decode(errors="replace"),
        )

    def close(self) -> None:
        """Let go of the process, which notices when it next writes."""
        self._lines.close()
        self._channel.close()
        self._status.close()
        if self._printed >= 0:
            os.close(self._printed)
            self._printed = -1


class CellServer:
    """The process that forks cells."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(BOUND_S)
        self._started: list[Cell] = []
        with theirs:
            command = [sys.executable, "-I", "-B", str(SERVER), str(theirs.fileno())]
            environment = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"}
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], env=environment, cwd="/", stdin=subprocess.DEVNULL
            )

    def start(self, code: str, plan: ConfinementPlan, **how: bool) -> Cell:
        """Fork a cell that runs the `attempt` which the code defines. Raises NotConfinedError.

        Among `how`: `outer`, under the zygote's filter; `prepared`, with rules opened before the fork; `alone`, forked as
        the first process of a PID namespace.
        """
        ours, channel = socket.socketpair()
        ours.settimeout(BOUND_S)
        printed, stderr = os.pipe()
        status, status_end = os.pipe()
        request = {"plan": plan.to_map(), "code": code, **HOW, **how}
        with channel:
            descriptors = [channel.fileno(), stderr, status_end]
            socket.send_fds(self._control, [encode(request, Codec.JSON)], descriptors)
        os.close(stderr)
        os.close(status_end)
        self._started.append(cell := Cell(ours, printed, status))
        return cell

    def run(self, code: str, plan: ConfinementPlan, **how: bool) -> Outcome:
        """Fork a cell and wait for its end."""
        return self.start(code, plan, **how).outcome()

    def peek(self, pid: int) -> int:
        """Have the server, which is of the same user, try to open a cell's memory. Returns 0 or the errno."""
        self._control.send(json.dumps({"peek": pid}).encode())
        return int(json.loads(self._control.recv(4096)))

    def close(self) -> None:
        """End the server, and let go of its cells."""
        for cell in self._started:
            cell.close()
        self._control.close()
        self._process.wait(BOUND_S)


def with_limits(plan: ConfinementPlan, **limits: int) -> ConfinementPlan:
    """The same plan with other limits."""
    return replace(plan, limits=replace(plan.limits, **limits))
