"""A small zygote: forks processes that confine themselves and run a piece of code. `python cell_server.py FD`.

Started as root it becomes an ordinary user first, as confined workers are never root's.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from dspash_protocol import decode
from dspash_protocol.confinement_plan import ConfinementPlan
from dspash_worker import confinement
from dspash_worker.confinement import kernel
from dspash_worker.confinement.architecture import this_architecture
from dspash_worker.confinement.namespaces import CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER

NOBODY = 65534
PR_SET_DUMPABLE = 4
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long


def syscall(name: str, *arguments: Any) -> int:
    """Make a system call past the C library. Returns what it returns, or minus its errno."""
    converted = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = LIBC.syscall(this_architecture().numbers[name], *converted)
    return -ctypes.get_errno() if result == -1 else result


def send(value: Any) -> None:
    """Tell the test a value."""
    os.write(3, json.dumps(value).encode() + b"\n")


def receive() -> Any:
    """Wait for a value from the test."""
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(3, 1)
    return json.loads(line)


def run(code: str) -> dict[str, Any]:
    """Define `attempt` by the code, and tell what comes of calling it."""
    scope: dict[str, Any] = {"syscall": syscall, "send": send, "receive": receive, "LIBC": LIBC}
    try:
        exec(compile(code, "<attempt>", "exec"), scope)
        return {"value": scope["attempt"]()}
    except BaseException as error:  # noqa: BLE001 - whatever comes of it is what the test asks
        return {
            "raised": type(error).__name__,
            "errno": getattr(error, "errno", None),
            "text": str(error),
            "trace": traceback.format_exc(),
        }


def attend(request: dict[str, Any], channel: int, stderr: int, status: int) -> NoReturn:
    """Be the process between server and worker: make the namespaces, fork the worker, tell how it ended."""
    try:
        plan = ConfinementPlan.from_map(request["plan"])
        rules = confinement.open_rules(plan) if request["prepared"] else None
        if request["alone"]:
            keep_capabilities()
            kernel.unshare(CLONE_NEWPID)
        else:
            confinement.enter_namespaces(plan)
        worker = os.fork()
        if worker:
            os.close(channel)
            os.close(stderr)
            os.write(status, f"{worker}\n".encode())
            os.write(status, f"{os.waitpid(worker, 0)[1]}\n".encode())
            os._exit(0)
        os.close(status)
        if request["outer"]:
            confinement.install_outer()
        if request["alone"]:
            confinement.enter_namespaces(plan)
        applied = confinement.confine(plan, channel=channel, stderr=stderr, rules=rules)
        send({"layers": applied.layers, "landlock_abi": applied.landlock_abi})
        send(run(request["code"]))
    except confinement.ConfinementError as error:
        report = {"unconfined": str(error), "step": error.step, "errno": error.errno}
        os.write(channel, json.dumps(report).encode() + b"\n")
    finally:
        os._exit(0)


def keep_capabilities() -> None:
    """Be, in a user namespace, one that may make others, as a zygote inside bubblewrap may be."""
    uid, gid = os.getuid(), os.getgid()
    kernel.prctl(PR_SET_DUMPABLE, 1)
    kernel.unshare(CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def make_reachable(paths: Iterable[Path]) -> None:
    """Let other users reach these folders, in this process's own mounts, also where a folder above forbids it."""
    kernel.unshare(CLONE_NEWNS)
    kernel.mount("none", "/", None, MS_REC | MS_PRIVATE)
    for path in paths:
        for above in reversed(path.parents):
            if not above.stat().st_mode & 0o001:
                held = os.open(path, os.O_PATH)
                kernel.mount("cover", str(above), "tmpfs", 0, "mode=0755")
                path.mkdir(parents=True, exist_ok=True)
                kernel.mount(f"/proc/self/fd/{held}", str(path), None, MS_BIND | MS_REC)
                os.close(held)
                break


def peek(pid: int) -> int:
    """Try to open a worker's memory. Returns 0, or the errno."""
    try:
        os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))
    except OSError as error:
        return error.errno or -1
    return 0


def main() -> None:
    """Serve until the control socket closes."""
    control = socket.socket(fileno=int(sys.argv[1]))
    confinement.prepare()
    if os.getuid() == 0:
        make_reachable(dict.fromkeys(Path(path) for path in (sys.base_prefix, sys.prefix)))
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    os.umask(0o077)
    while True:
        datagram, descriptors, _flags, _address = socket.recv_fds(control, 1 << 20, 8)
        if not datagram:
            return
        request = decode(datagram)
        if "peek" in request:
            control.send(json.dumps(peek(request["peek"])).encode())
            continue
        attendant = os.fork()
        if attendant == 0:
            if os.fork() == 0:
                attend(request, *descriptors[:3])
            os._exit(0)
        os.waitpid(attendant, 0)
        for descriptor in descriptors:
            os.close(descriptor)


if __name__ == "__main__":
    main()
