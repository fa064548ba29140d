"""Needs: what this machine can do, probed outside any sandbox, so that an attempt it cannot make is skipped by name."""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import platform
import socket
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.escape.attempt import Attempt, Need

__all__ = ["missing_for"]

_BOUND_S: Final = 10.0


def missing_for(attempt: Attempt) -> str:
    """What the attempt needs and this machine, or this user, does not have; empty when nothing is missing."""
    return ", ".join(sorted(need for need in attempt.needs if not _has(need)))


@functools.cache
def _has(need: Need) -> bool:
    try:
        return _PROBES[need]()
    except OSError:
        return False


def _runs(code: str) -> bool:
    """Whether a fresh interpreter runs `code` to its end; for what would change, or end, this process."""
    command = [sys.executable, "-I", "-c", code]
    return subprocess.run(command, capture_output=True, timeout=_BOUND_S, check=False).returncode == 0


def _calls(number_x86_64: int, number_aarch64: int, *arguments: Any) -> bool:
    """Whether the kernel has a system call, asked in a way that opens nothing."""
    libc = ctypes.CDLL(None, use_errno=True)
    enosys = 38
    result = libc.syscall(number_x86_64 if platform.machine() == "x86_64" else number_aarch64, *arguments)
    return result >= 0 or ctypes.get_errno() != enosys


def _socket(family: int, kind: int, protocol: int = 0) -> bool:
    with socket.socket(family, kind, protocol):
        return True


def _may_raise_limits() -> bool:
    cap_sys_resource = 24
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff")
    )
    return bool(int(line.split()[1], 16) >> cap_sys_resource & 1)


def _ipv6() -> bool:
    with socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True


def _mptcp() -> bool:
    return _socket(socket.AF_INET, socket.SOCK_STREAM, 262)


def _io_uring() -> bool:
    libc = ctypes.CDLL(None)
    fd = libc.syscall(425, 4, (ctypes.c_uint32 * 30)())
    if fd >= 0:
        os.close(fd)
    return fd >= 0


def _perf() -> bool:
    level = int(Path("/proc/sys/kernel/perf_event_paranoid").read_text())
    return level < 3


def _userns() -> bool:
    return _runs("import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x10000000) != 0)")


def _ia32() -> bool:
    if platform.machine() != "x86_64":
        return False
    code = (
        "import ctypes, mmap, os; page = mmap.mmap(-1, 4096, prot=7); page.write(bytes.fromhex('b814000000cd80c3'));"
        "assert ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))() == os.getpid()"
    )
    return mmap.PROT_EXEC == 4 and _runs(code)


def _disk() -> bool:
    """Whether root can read the device behind the root folder; asked by a node that is removed at once."""
    if os.geteuid() != 0 or os.major(os.stat("/").st_dev) == 0:
        return False
    node = Path(sysconfig.get_config_var("projectbase") or "/tmp").parent / f".escape-disk-{os.getpid()}"
    try:
        os.mknod(node, 0o600 | stat.S_IFBLK, os.stat("/").st_dev)
        fd = os.open(node, os.O_RDONLY)
        os.close(fd)
    finally:
        node.unlink(missing_ok=True)
    return True


def _reads(*paths: str) -> bool:
    for path in paths:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            return bool(os.read(fd, 64))
        except OSError:
            continue
        finally:
            os.close(fd)
    return False


def _cgroupfs() -> bool:
    return any(os.access(path, os.W_OK) for path in Path("/sys/fs/cgroup").glob("**/cgroup.procs"))


def _page_cache() -> bool:
    """Whether advice lets a cached page of the library's files go."""
    fd = os.open(Path(os.__file__).with_name("turtle.py"), os.O_RDONLY)
    try:
        os.pread(fd, 1, 0)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.preadv(fd, [bytearray(1)], 0, os.RWF_NOWAIT)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _cachestat() -> bool:
    """Whether the kernel tells of the cached pages of files that one may only read."""
    with open(os.__file__, "rb") as file:
        room = (ctypes.c_uint64 * 5)()
        return ctypes.CDLL(None).syscall(451, file.fileno(), (ctypes.c_uint64 * 2)(0, 4096), room, 0) == 0


def _handles() -> bool:
    room = (ctypes.c_uint32 * 34)(128)
    libc = ctypes.CDLL(None)
    folder = os.path.dirname(os.__file__).encode()
    return libc.name_to_handle_at(-100, folder, room, ctypes.byref(ctypes.c_int()), 0) == 0


_PROBES: Final[dict[Need, Callable[[], bool]]] = {
    Need.ROOT: lambda: os.geteuid() == 0,
    Need.X86_64: lambda: platform.machine() == "x86_64",
    Need.IA32: _ia32,
    Need.RAISING: _may_raise_limits,
    Need.PORTS: lambda: platform.machine() == "x86_64" and _calls(173, 0, 0, 0, 0),
    Need.IPV6: _ipv6,
    Need.IO_URING: _io_uring,
    Need.PERF: _perf,
    Need.USERNS: _userns,
    Need.VSOCK: lambda: _socket(socket.AF_VSOCK, socket.SOCK_STREAM),
    Need.AF_ALG: lambda: _socket(socket.AF_ALG, socket.SOCK_SEQPACKET),
    Need.MPTCP: _mptcp,
    Need.KEYS: lambda: _calls(250, 219, 0, -3, 0),
    Need.SYSV: lambda: _calls(29, 194, 0, -1, 0),
    Need.MQ: lambda: _calls(240, 180, b"", 0, 0, None),
    Need.DISK: _disk,
    Need.KCORE: lambda: _reads("/dev/mem", "/proc/kcore"),
    Need.KMSG: lambda: _reads("/dev/kmsg"),
    Need.KALLSYMS: lambda: _reads("/proc/kallsyms"),
    Need.CGROUPFS: _cgroupfs,
    Need.LISTMOUNT: lambda: _calls(458, 458, None, None, 0, 0),
    Need.FUTEX2: lambda: _calls(454, 454, None, 0, 0, 0),
    Need.CACHESTAT: _cachestat,
    Need.KCMP: lambda: _calls(312, 272, os.getpid(), os.getpid(), 1, 0, 0),
    Need.PAGE_CACHE: _page_cache,
    Need.HANDLES: _handles,
}
