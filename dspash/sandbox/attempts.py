"""Attempts: what a confined program must not be able to do. A worker runs this text as it would an untrusted program.

`try_all(targets)` makes every attempt at what the host has laid out for it; dspash.sandbox.selftest reads the answer.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["ATTEMPTS", "try_all"]

_TIMEOUT_S = 1.0
_CLONE_NEWNS = 0x00020000
_NO_SIGNAL = 0  # only asks whether one may be sent


def try_all(targets: Mapping[str, Any]) -> dict[str, list[str]]:
    """Make every attempt; the names of those that went through, and of those that were stopped."""
    reached: list[str] = []
    held: list[str] = []
    for name, attempt in ATTEMPTS.items():
        try:
            attempt(targets)
        except Exception:  # noqa: BLE001 - whatever stops it, stops it
            held.append(name)
        else:
            reached.append(name)
    return {"reached": reached, "held": held}


def _read_a_file(targets: Mapping[str, Any]) -> None:
    with open(targets["file"], encoding="utf-8") as file:
        file.read()


def _list_a_folder(targets: Mapping[str, Any]) -> None:
    os.listdir(targets["folder"])


def _write_a_file(targets: Mapping[str, Any]) -> None:
    with open(targets["file"], "a", encoding="utf-8") as file:
        file.write("written")


def _change_the_code(_targets: Mapping[str, Any]) -> None:
    with open(os.__file__, "ab"):
        pass


def _write_to_the_root(_targets: Mapping[str, Any]) -> None:
    path = "/dspash-attempt"
    os.mkdir(path)
    os.rmdir(path)


def _connect_by_tcp(targets: Mapping[str, Any]) -> None:
    socket.create_connection(("127.0.0.1", targets["port"]), timeout=_TIMEOUT_S).close()


def _connect_by_name(targets: Mapping[str, Any]) -> None:
    _connect_locally("\0" + targets["name"])


def _connect_by_file(targets: Mapping[str, Any]) -> None:
    _connect_locally(targets["socket"])


def _connect_locally(address: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_TIMEOUT_S)
        sock.connect(address)


def _signal_the_host(targets: Mapping[str, Any]) -> None:
    os.kill(targets["pid"], _NO_SIGNAL)


def _read_the_hosts_environment(targets: Mapping[str, Any]) -> None:
    with open(f"/proc/{targets['pid']}/environ", "rb") as file:
        file.read()


def _start_a_process(_targets: Mapping[str, Any]) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _start_a_program(_targets: Mapping[str, Any]) -> None:
    child = os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", ""], {})
    os.waitpid(child, 0)


def _become_root(_targets: Mapping[str, Any]) -> None:
    os.setresuid(0, 0, 0)


def _leave_the_namespace(_targets: Mapping[str, Any]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


ATTEMPTS: dict[str, Callable[[Mapping[str, Any]], None]] = {
    "read a file of the host": _read_a_file,
    "list a folder of the host": _list_a_folder,
    "write a file of the host": _write_a_file,
    "change the code it runs": _change_the_code,
    "write to the root folder": _write_to_the_root,
    "connect to a port of the host": _connect_by_tcp,
    "connect to an abstract socket": _connect_by_name,
    "connect to a socket file": _connect_by_file,
    "signal the host": _signal_the_host,
    "read the host's environment": _read_the_hosts_environment,
    "start a process": _start_a_process,
    "start a program": _start_a_program,
    "become root": _become_root,
    "make a namespace": _leave_the_namespace,
}
