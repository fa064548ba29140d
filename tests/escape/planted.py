"""Planted: what attempts are after, and what notices that they got there."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import selectors
import shutil
import socket
import sysconfig
import tempfile
import threading
from pathlib import Path
from typing import Any, Final, Self

from tests.escape.armoury import shared_files
from tests.escape.outcome import Traces
from tests.escape.victim import Victim

__all__ = ["Garden"]

_KINDS: Final = ("file", "home", "name", "loose", "host", "variable", "argument", "memory")
_VARIABLES: Final = ("ESCAPE_API_KEY", "ESCAPE_PLAIN_SETTING")
_KNOCK_S: Final = 0.025
_ROUNDS: Final = 32  # numbers that pairs pass: each is 1 + 31 × one of these


class Garden:
    """Secrets, listeners, folders and a process for attempts to find; a context manager.

    Secrets are in files, in this process's environment and memory, in the victim's environment and arguments. Listeners
    are looked at when somebody asks; the kernel keeps what came until then.
    """

    def __init__(self) -> None:
        # Straight below /tmp: the path of a socket may have 107 characters.
        self.folder = folder = Path(tempfile.mkdtemp(prefix="garden-", dir="/tmp"))
        self.secrets = {kind: f"canary-{kind}-{secrets.token_hex(16)}" for kind in _KINDS}
        self.inheritable: tuple[int, ...] = ()
        self._files = folder / "host"
        self._drop, self._library, self._home = folder / "drop", folder / "library", folder / "home"
        self._heard = bytearray()
        self._open = contextlib.ExitStack()
        self._selector = selectors.DefaultSelector()
        self._ports: dict[str, int] = {}
        self._hearing = threading.Lock()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self._plant_files()
            self._plant_variables(undo)
            undo.callback(self._hang_up)
            self._listen(undo)
            self._leave_open(undo)
            self.victim = undo.enter_context(
                Victim(self._files, self.secrets["variable"], self.secrets["argument"])
            )
            self._knock_at_ports(undo)
            self._open = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    # --- what an attempt is told ---

    def targets(self) -> dict[str, Any]:
        """What there is, for one attempt; `mark` and `pair` are its own."""
        self.victim.revive()
        _warm_up()
        loose = self._drop / "loose"
        loose.write_text(self.secrets["loose"])
        files = self._files
        return {
            "mark": f"mk{secrets.token_hex(6)}",
            "pair": secrets.token_hex(6),
            "pair_port": _free_port(),
            "number": 0,
            "secret_file": str(files / "secret"),
            "secret_handle": _handle_of(files / "secret"),
            "loose_file": str(loose),
            "folder": str(files),
            "home": str(self._home),
            "drop": str(self._drop),
            "library": str(self._library),
            "disk": os.stat("/").st_dev,
            "host_pid": os.getpid(),
            "victim_pid": self.victim.pid,
            "victim_fd": self.victim.fd,
            "victim_stack": list(self.victim.stack),
            "unix_stream": str(files / "stream"),
            "unix_datagram": str(files / "datagram"),
            "abstract_stream": f"escape-stream-{os.getpid()}",
            "abstract_datagram": f"escape-datagram-{os.getpid()}",
            **self._ports,
        }

    def number(self) -> int:
        """What one of a pair is to tell the other."""
        return 1 + 31 * (1 + secrets.randbelow(_ROUNDS - 1))

    # --- what has come of it ---

    def traces(self, planted: dict[str, Any], number: int) -> Traces:
        """What was noticed of the attempt with these targets; all it left is removed."""
        mark: str = planted["mark"]
        noticed = [*self._names_of(mark), *self.victim.changes(), *self._processes_of(mark)]
        if mark.encode() in self._listen_up():
            noticed.append("a listener")
        known = (*self.secrets.values(), str(os.stat(self._files / "secret").st_mtime_ns))
        return Traces(", ".join(noticed), known, mark, number)

    def _names_of(self, mark: str) -> list[str]:
        paths = sysconfig.get_paths()
        folders = (
            self._drop,
            self._library,
            "/tmp",
            "/var/tmp",
            "/run",
            "/dev/shm",
            "/dev/mqueue",
            os.getcwd(),
        )
        found: list[str] = []
        for folder in {Path(place) for place in (*folders, paths["purelib"], paths["stdlib"])}:
            path = folder / mark
            if os.path.lexists(path):
                found.append(f"{folder}")
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        return found

    def _processes_of(self, mark: str) -> list[str]:
        found: list[str] = []
        for name in Path("/proc").glob("[0-9]*/comm"):
            with contextlib.suppress(OSError):
                if mark.startswith(name.read_text().strip()[:15] or "-"):
                    found.append("a process that stayed")
                    os.kill(int(name.parent.name), 9)
        return found

    def _listen_up(self) -> bytes:
        with self._hearing:
            while ready := self._selector.select(0):
                for key, _ in ready:
                    self._hear(key.fileobj)
            return bytes(self._heard)

    def _hear(self, file: Any) -> None:
        if file.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            connection, _ = file.accept()
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ)
            return
        try:
            data = file.recv(65536)
        except OSError:
            data = b""
        self._heard += data
        if not data and file.type == socket.SOCK_STREAM:
            self._selector.unregister(file)
            file.close()

    def _hang_up(self) -> None:
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # pyright: ignore[reportAttributeAccessIssue] - all are sockets
        self._selector.close()

    # --- planting ---

    def _plant_files(self) -> None:
        self.folder.chmod(0o755)
        for folder in (self._files, self._home, self._home / ".ssh"):
            folder.mkdir(mode=0o755)
        for folder in (self._drop, self._library):
            folder.mkdir()
            folder.chmod(0o777)
        for path, kind in ((self._files / "secret", "file"), (self._home / ".ssh/id_ed25519", "home")):
            path.write_text(self.secrets[kind])
            path.chmod(0o600)
        (self._files / self.secrets["name"]).touch()
        os.utime(self._files / "secret", ns=(secrets.randbits(60), secrets.randbits(60)))

    def _plant_variables(self, undo: contextlib.ExitStack) -> None:
        for name in _VARIABLES:
            os.environ[name] = self.secrets["host"]
            undo.callback(os.environ.pop, name, None)

    def _listen(self, undo: contextlib.ExitStack) -> None:
        pid = os.getpid()
        streams: list[tuple[int, Any, str]] = [
            (socket.AF_INET, ("127.0.0.1", 0), "tcp_port"),
            (socket.AF_UNIX, str(self._files / "stream"), ""),
            (socket.AF_UNIX, f"\0escape-stream-{pid}", ""),
        ]
        if socket.has_ipv6:
            streams.append((socket.AF_INET6, ("::1", 0), "tcp6_port"))
        datagrams: list[tuple[int, Any, str]] = [
            (socket.AF_INET, ("127.0.0.1", 0), "udp_port"),
            (socket.AF_UNIX, str(self._files / "datagram"), ""),
            (socket.AF_UNIX, f"\0escape-datagram-{pid}", ""),
        ]
        for kind, wanted in ((socket.SOCK_STREAM, streams), (socket.SOCK_DGRAM, datagrams)):
            for family, address, port in wanted:
                listener = socket.socket(family, kind)
                undo.callback(listener.close)
                try:
                    if family == socket.AF_INET and kind == socket.SOCK_STREAM:
                        TCP_FASTOPEN = 23  # noqa: N806
                        listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
                    listener.bind(address)
                except OSError:
                    if family != socket.AF_INET6:
                        raise
                    self._ports[port] = 0  # attempts that need it are skipped by name
                    continue
                if kind == socket.SOCK_STREAM:
                    listener.listen(64)
                listener.setblocking(False)
                self._selector.register(listener, selectors.EVENT_READ)
                if port:
                    self._ports[port] = listener.getsockname()[1]
        for name in ("stream", "datagram"):
            (self._files / name).chmod(0o777)

    def _leave_open(self, undo: contextlib.ExitStack) -> None:
        """Descriptors that a careless host would hand down to every program it starts."""
        file = os.open(self._files / "secret", os.O_RDONLY)
        folder = os.open(self._files, os.O_RDONLY)
        connection = socket.create_connection(("127.0.0.1", self._ports["tcp_port"]))
        undo.callback(connection.close)
        self.inheritable = (file, folder, connection.fileno())
        for fd in self.inheritable:
            os.set_inheritable(fd, True)
        undo.callback(os.close, file)
        undo.callback(os.close, folder)

    def _knock_at_ports(self, undo: contextlib.ExitStack) -> None:
        """Be the stranger who connects to whatever listens at `free_port`, and hears its mark."""
        self._ports["free_port"] = _free_port()
        over = threading.Event()

        def knock() -> None:
            while not over.wait(_KNOCK_S):
                with (
                    contextlib.suppress(OSError),
                    socket.create_connection(("127.0.0.1", self._ports["free_port"]), 1) as connection,
                ):
                    connection.settimeout(1)
                    heard = connection.recv(100)
                    with self._hearing:
                        self._heard += heard

        thread = threading.Thread(target=knock, name="stranger", daemon=True)
        thread.start()
        undo.callback(thread.join, 5)
        undo.callback(over.set)


def _warm_up() -> None:
    """Read what workers may share: that a file was not read before says something of the machine, not of a neighbour."""
    for path in shared_files(200):
        with open(path, "rb") as file:
            file.read()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _handle_of(path: Path) -> str:
    """The file's handle (struct file_handle), in hexadecimal; empty where its file system has none."""
    room = (ctypes.c_uint32 * 34)(128)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.name_to_handle_at(-100, os.fsencode(path), room, ctypes.byref(ctypes.c_int()), 0) != 0:
        return ""
    return bytes(room)[: 8 + room[0]].hex()
