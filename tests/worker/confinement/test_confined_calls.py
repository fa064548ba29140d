"""Each system call that a confined process is refused, by the errno it gets for it, in a real process."""

from __future__ import annotations

import errno
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from dspash_worker.confinement.architecture import this_architecture
from tests.worker.confinement.cells import CellServer, strict_plan

# Arguments with which the call would get past the first checks of the kernel, so that the errno is the filter's.
CALLS: dict[str, tuple[int, ...]] = {
    "fork": (),
    "vfork": (),
    "clone": (17, 0, 0, 0, 0),  # SIGCHLD: a process
    "clone3": (0, 0),
    "execve": (0, 0, 0),
    "execveat": (-100, 0, 0, 0, 0),
    "memfd_create": (0, 0),
    "memfd_secret": (0,),
    "io_uring_setup": (1, 0),
    "io_uring_enter": (0, 0, 0, 0, 0, 0),
    "io_uring_register": (0, 0, 0, 0),
    "io_setup": (1, 0),
    "ptrace": (0, 0, 0, 0),
    "process_vm_readv": (1, 0, 0, 0, 0, 0),
    "process_vm_writev": (1, 0, 0, 0, 0, 0),
    "process_madvise": (0, 0, 0, 0, 0),
    "pidfd_open": (1, 0),
    "pidfd_getfd": (0, 0, 0),
    "pidfd_send_signal": (0, 0, 0, 0),
    "kcmp": (1, 1, 0, 0, 0),
    "bpf": (0, 0, 0),
    "keyctl": (0, -3, 0, 0, 0),
    "add_key": (0, 0, 0, 0, -3),
    "request_key": (0, 0, 0, -3),
    "userfaultfd": (0,),
    "perf_event_open": (0, 0, -1, -1, 0),
    "mount": (0, 0, 0, 0, 0),
    "umount2": (0, 0),
    "pivot_root": (0, 0),
    "chroot": (0,),
    "mount_setattr": (-100, 0, 0, 0, 0),
    "open_tree": (-100, 0, 0),
    "move_mount": (-100, 0, -100, 0, 0),
    "fsopen": (0, 0),
    "fsmount": (0, 0, 0),
    "statmount": (0, 0, 0, 0),
    "listmount": (0, 0, 0, 0),
    "unshare": (0x1000_0000,),
    "setns": (0, 0),
    "seccomp": (1, 0, 0),
    "landlock_create_ruleset": (0, 0, 1),
    "inotify_init1": (0,),
    "fanotify_init": (0, 0),
    "flock": (1, 2),
    "mincore": (0, 0, 0),
    "cachestat": (0, 0, 0, 0),
    "preadv2": (0, 0, 0, 0, 0, 8),
    "readahead": (0, 0, 0),
    "remap_file_pages": (0, 0, 0, 0, 0),
    "vmsplice": (0, 0, 0, 0),
    "splice": (0, 0, 0, 0, 0, 0),
    "tee": (0, 0, 0, 0),
    "shmget": (0, 4096, 0o1600),
    "semget": (0, 1, 0o1600),
    "msgget": (0, 0o1600),
    "mq_open": (0, 0o102, 0o600, 0),
    "socket": (1, 1, 0),
    "connect": (3, 0, 0),
    "bind": (3, 0, 0),
    "listen": (3, 1),
    "accept4": (3, 0, 0, 0),
    "sendmsg": (3, 0, 0),
    "recvmsg": (3, 0, 0),
    "sendmmsg": (3, 0, 0, 0),
    "recvmmsg": (3, 0, 0, 0, 0),
    "setsockopt": (3, 1, 7, 0, 4),
    "setuid": (0,),
    "setresuid": (0, 0, 0),
    "setgroups": (0, 0),
    "capset": (0, 0),
    "capget": (0, 0),
    "link": (0, 0),
    "linkat": (-100, 0, -100, 0, 0),
    "mknod": (0, 0o10600, 0),
    "mknodat": (-100, 0, 0o10600, 0),
    "chown": (0, 0, 0),
    "fchownat": (-100, 0, 0, 0, 0),
    "open_by_handle_at": (0, 0, 0),
    "name_to_handle_at": (-100, 0, 0, 0, 0),
    "openat2": (-100, 0, 0, 0),
    "setpriority": (0, 0, 0),
    "sched_setaffinity": (0, 8, 0),
    "sched_setscheduler": (0, 0, 0),
    "ioprio_set": (1, 0, 0),
    "timer_create": (1, 0, 0),
    "get_robust_list": (1, 0, 0),
    "sysinfo": (0,),
    "syslog": (3, 0, 0),
    "modify_ldt": (0, 0, 0),
    "swapon": (0, 0),
    "reboot": (0, 0, 0, 0),
    "init_module": (0, 0, 0),
    "kexec_load": (0, 0, 0, 0),
    "quotactl": (0, 0, 0, 0),
    "acct": (0,),
    "setdomainname": (0, 0),
    "sethostname": (0, 0),
    "settimeofday": (0, 0),
    "clock_settime": (0, 0),
    "lookup_dcookie": (0, 0, 0),
    "mbind": (0, 0, 0, 0, 0, 0),
    "move_pages": (0, 0, 0, 0, 0, 0),
    "pkey_alloc": (0, 0),
    "tkill": (1, 0),
    "rt_sigqueueinfo": (1, 0, 0),
    "rt_tgsigqueueinfo": (1, 1, 0, 0),
    "signalfd4": (-1, 0, 8, 0),
    "futex_waitv": (0, 0, 0, 0, 0),
    "futex_wake": (0, 0, 0, 0),
    "futex_wait": (0, 0, 0, 0, 0, 0),
    "getxattr": (0, 0, 0, 0),
    "setxattr": (0, 0, 0, 0, 0),
    "listxattr": (0, 0, 0),
}
YOUNG = 424
OTHERWISE = {
    "flock": errno.ENOSYS,
    "rt_tgsigqueueinfo": errno.ENOSYS,
    "getxattr": errno.ENOTSUP,
    "setxattr": errno.ENOTSUP,
    "listxattr": errno.ENOTSUP,
}

# Calls allowed with some arguments only: (call, arguments, errno; 0 is success).
ARGUMENTS: list[tuple[str, tuple[int, ...], int]] = [
    ("kill", (0, 0), errno.EPERM),
    ("kill", (-1, 0), errno.EPERM),
    ("kill", (2, 0), errno.EPERM),
    ("kill", (1, 0), 0),
    ("kill", ((1 << 32) | 1, 0), 0),  # the kernel reads an int: the upper bits are nobody's
    ("tgkill", (2, 2, 0), errno.EPERM),
    ("prlimit64", (2, 7, 0, 0), errno.EPERM),
    ("prlimit64", (0, 7, 0, 0), 0),
    ("getpgid", (2,), errno.EPERM),
    ("getpriority", (1, 0), errno.EPERM),
    ("getpriority", (2, 0), errno.EPERM),
    ("sched_getaffinity", (2, 8, 0), errno.ENOSYS),
    ("sched_getscheduler", (2,), errno.EPERM),
    ("ioctl", (0, 0x5412, 0), errno.EPERM),  # TIOCSTI
    ("ioctl", (0, (1 << 32) | 0x5412, 0), errno.EPERM),  # TIOCSTI to a filter that looks at all 64 bits
    ("ioctl", (0, 0x541C, 0), errno.EPERM),  # TIOCLINUX
    ("ioctl", (0, 0x5401, 0), errno.ENOTTY),  # TCGETS, which isatty asks, runs
    ("ioctl", (3, 0x8904, 0), errno.EPERM),  # SIOCGPGRP
    ("fcntl", (0, 8, 1), errno.EPERM),  # F_SETOWN
    ("fcntl", (0, 10, 1), errno.EPERM),  # F_SETSIG
    ("fcntl", (0, 1024, 0), errno.EPERM),  # F_SETLEASE
    ("fcntl", (0, 1026, 1), errno.EPERM),  # F_NOTIFY
    ("fcntl", (3, 1031, 4096), errno.EPERM),  # F_SETPIPE_SZ
    ("fcntl", (0, 1036, 0), errno.EPERM),  # F_SET_RW_HINT, which is the inode's
    ("fcntl", (0, 6, 0), 0),  # F_SETLK: granted, not run: the kernel would not read NULL
    ("fcntl", (0, 7, 0), 0),
    ("fcntl", (0, 37, 0), 0),
    ("fcntl", (0, 38, 0), 0),
    ("prctl", (4, 1, 0, 0, 0), errno.EPERM),  # PR_SET_DUMPABLE
    ("prctl", (1, 0, 0, 0, 0), errno.EPERM),  # PR_SET_PDEATHSIG
    ("prctl", (0x59616D61, -1, 0, 0, 0), errno.EPERM),  # PR_SET_PTRACER
    ("prctl", (35, 1, 0, 0, 0), errno.EPERM),  # PR_SET_MM
    ("prctl", (36, 1, 0, 0, 0), errno.EPERM),  # PR_SET_CHILD_SUBREAPER
    ("prctl", (67, 1, 0, 0, 0), errno.EPERM),  # PR_SET_MEMORY_MERGE
    ("prctl", (62, 1, 0, 0, 0), errno.EPERM),  # PR_SCHED_CORE
    ("personality", (0x0040000,), errno.EPERM),  # ADDR_NO_RANDOMIZE
    ("personality", (0xFFFFFFFF,), 0),
    ("mmap", (0, 2 << 20, 3, 0x40022, -1, 0), errno.ENOMEM),  # MAP_HUGETLB
    ("mmap", (0, 4096, 3, 0x22, -1, 0), 0),
    ("close_range", (500, 600, 2), errno.EINVAL),  # CLOSE_RANGE_UNSHARE
    ("close_range", (500, 600, 0), 0),
    ("pipe2", (0, 0x80), errno.EINVAL),  # O_NOTIFICATION_PIPE
    ("pipe2", (0, 0x80000), errno.EFAULT),
    ("madvise", (0, 0, 12), errno.EINVAL),  # MADV_MERGEABLE
    ("madvise", (0, 0, 21), errno.EINVAL),  # MADV_PAGEOUT
    ("madvise", (0, 0, 20), errno.EINVAL),  # MADV_COLD
    ("madvise", (0, 0, 100), errno.EINVAL),  # MADV_HWPOISON
    ("madvise", (0, 0, 4), 0),
    ("membarrier", (1, 0, 0), errno.EINVAL),  # GLOBAL
    ("membarrier", (2, 0, 0), errno.EINVAL),  # GLOBAL_EXPEDITED
    ("clock_gettime", (0xFFFFFFF6, 0), errno.EINVAL),  # the CPU time of process 1
    ("clock_nanosleep", (0xFFFFFFF6, 0, 0, 0), errno.EINVAL),
    ("socketpair", (2, 1, 0, 0), errno.EPERM),  # AF_INET
    ("socketpair", (38, 5, 0, 0), errno.EPERM),  # AF_ALG
    ("socketpair", (40, 1, 0, 0), errno.EPERM),  # AF_VSOCK
    ("sendto", (3, 0, 0, 0, 1, 0), errno.EPERM),  # to an address
    ("sendto", (3, 0, 0, 0, 1 << 32, 0), errno.EPERM),  # to one whose lower half is 0
    ("sendto", (3, 0, 0, 1, 0, 0), errno.EPERM),  # MSG_OOB
    ("recvfrom", (3, 0, 0, 1, 0, 0), errno.EPERM),
    ("getsockopt", (3, 1, 77, 0, 0), errno.ENOPROTOOPT),  # SO_PEERPIDFD
    ("getsockopt", (3, 1, 17, 0, 0), errno.ENOPROTOOPT),  # SO_PEERCRED
    ("getsockopt", (3, 1, 57, 0, 0), errno.ENOPROTOOPT),  # SO_COOKIE
    ("getsockopt", (3, 6, 11, 0, 0), errno.ENOPROTOOPT),  # TCP_INFO
    ("futex", (0, 1, 1, 0, 0, 0), 0),  # a shared wake wakes nobody
    ("futex", (0, 0, 0, 0, 0, 0), errno.EAGAIN),  # a shared wait does not wait
    ("futex", (0, 3, 0, 0, 0, 0), errno.ENOSYS),  # FUTEX_REQUEUE, shared
    ("futex", (0, 5, 0, 0, 0, 0), errno.ENOSYS),  # FUTEX_WAKE_OP, shared
    ("futex", (0, 6, 0, 0, 0, 0), errno.ENOSYS),  # FUTEX_LOCK_PI
    ("futex", (0, 134, 0, 0, 0, 0), errno.ENOSYS),  # the same, private
    ("arch_prctl", (0x1002, 0), errno.EPERM),  # ARCH_SET_FS
    ("arch_prctl", (0x2001, 0), errno.EPERM),  # ARCH_MAP_VDSO_X32
    ("clone", (0x1000_0000 | 17, 0, 0, 0, 0), errno.EPERM),  # CLONE_NEWUSER
    ("clone", (0x10900, 0, 0, 0, 0), errno.EPERM),  # a thread with descriptors and folder of its own
    ("fadvise64", (0, 0, 0, 4), 0),
    ("fsync", (1,), 0),  # answered, not run: a pipe cannot be synchronised
    ("sync", (), 0),
]

MACHINE_CODE_OF_INT80 = "b8 14 00 00 00 cd 80 c3"  # mov eax, 20 (getpid of i386); int 0x80; ret
X32_GETPID = 0x4000_0000 + 39


@pytest.fixture(scope="module")
def answers(cells: CellServer, module_scratch: Path) -> dict[str, Any]:
    """What one confined process is answered to all of these."""
    code = f"""
def attempt():
    import json
    calls = json.loads({json.dumps(json.dumps(_wanted()))})
    return [syscall(name, *arguments) for name, arguments in calls]
"""
    outcome = cells.run(code, strict_plan(module_scratch))
    assert outcome.raised is None, outcome.text
    return {repr(call): answer for call, answer in zip(_wanted(), outcome.value, strict=True)}


def _wanted() -> list[tuple[str, tuple[int, ...]]]:
    here = this_architecture().numbers
    single = [(name, arguments) for name, arguments in CALLS.items() if name in here]
    return single + [(name, arguments) for name, arguments, _ in ARGUMENTS if name in here]


@pytest.mark.parametrize("name", CALLS)
def test_a_refused_call_is_answered_with_its_errno(name: str, answers: dict[str, Any]) -> None:
    number = this_architecture().numbers.get(name)
    if number is None:
        pytest.skip(f"{name} does not exist on {this_architecture().name}")
    expected = OTHERWISE.get(name, errno.ENOSYS if number >= YOUNG else errno.EPERM)
    assert answers[repr((name, CALLS[name]))] == -expected


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    ARGUMENTS,
    ids=lambda each: str(each) if isinstance(each, str) else None,
)
def test_a_call_is_judged_by_its_arguments(
    name: str, arguments: tuple[int, ...], expected: int, answers: dict[str, Any]
) -> None:
    if name not in this_architecture().numbers:
        pytest.skip(f"{name} does not exist on {this_architecture().name}")
    answer = answers[repr((name, arguments))]
    assert answer == -expected if expected else answer >= 0


@pytest.mark.skipif(this_architecture().name != "x86_64", reason="x86-64 has such conventions")
@pytest.mark.parametrize("convention", ["i386", "x32"])
def test_a_call_in_another_convention_kills(convention: str, cells: CellServer, scratch: Path) -> None:
    code = f"""
def attempt():
    import ctypes, mmap
    if {convention == "x32"}:
        return LIBC.syscall({X32_GETPID})
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(bytes.fromhex("{MACHINE_CODE_OF_INT80}"))
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
"""
    outcome = cells.run(code, strict_plan(scratch))
    assert outcome.value is None
    assert outcome.status & 0x7F == signal.SIGSYS


def test_a_young_call_that_no_table_knows_is_missing_and_an_old_gap_is_refused(
    cells: CellServer, scratch: Path
) -> None:
    code = "def attempt():\n import ctypes\n return [(LIBC.syscall(n), ctypes.get_errno()) for n in (350, 423, 600)]"
    outcome = cells.run(code, strict_plan(scratch))
    assert outcome.value == [[-1, errno.EPERM], [-1, errno.EPERM], [-1, errno.ENOSYS]]
