"""Inner: the filter of a worker that runs code nobody trusts. What it does not name does not run."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Final

from dspash_worker.confinement.seccomp.policy import (
    ALLOW,
    UNRUN,
    Case,
    Check,
    Policy,
    Rule,
    Verdict,
    has_no_bits,
    is_null,
    is_one_of,
    refuse,
)

__all__ = ["inner_policy"]

_ALLOWED: Final = """
    read write readv writev pread64 pwrite64 preadv pwritev sendfile copy_file_range lseek
    close dup dup2 dup3 pipe eventfd2 timerfd_create timerfd_settime timerfd_gettime
    epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 poll ppoll select pselect6
    open openat creat stat lstat fstat newfstatat statx statfs fstatfs access faccessat faccessat2
    getdents getdents64 getcwd chdir fchdir readlink readlinkat umask
    mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 symlink symlinkat
    truncate ftruncate fallocate
    munmap mprotect mremap brk mlock munlock
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack pause
    nanosleep getitimer setitimer alarm gettimeofday time times restart_syscall
    getpid gettid getppid getpgrp getuid geteuid getgid getegid getresuid getresgid getgroups
    getrlimit setrlimit getrusage uname getcpu getrandom
    sched_yield sched_get_priority_max sched_get_priority_min
    set_tid_address set_robust_list rseq exit exit_group wait4 waitid
    getsockname getpeername shutdown
"""

_METADATA: Final = "chmod fchmod fchmodat fchmodat2 utimensat"
"""Landlock has no say in these. Where the mounts are the worker's own, all but its scratch are read-only; elsewhere they
could change what belongs to others, so they are answered and not run: copying a file ends with them."""

_DURABILITY: Final = "fsync fdatasync msync sync syncfs sync_file_range fadvise64"
"""Scratch is memory, where these do nothing, or is gone with the worker. On a file that workers share they would flush or
drop its cached pages: work for the host's disk, and a signal to whoever reads the file next."""

_XATTR: Final = """
    getxattr lgetxattr fgetxattr setxattr lsetxattr fsetxattr listxattr llistxattr flistxattr
    removexattr lremovexattr fremovexattr
"""
"""shutil.copystat passes over a file system without attributes (ENOTSUP), not over one that forbids them (EPERM)."""

_ABSENT: Final = "flock rt_tgsigqueueinfo"
"""Missing rather than forbidden (ENOSYS), so that libraries fall back: filelock takes to lock files."""

# From <linux/sched.h>
_CLONE_VM, _CLONE_FS, _CLONE_FILES, _CLONE_SIGHAND, _CLONE_THREAD = 0x100, 0x200, 0x400, 0x800, 0x10000
_A_THREAD: Final = _CLONE_VM | _CLONE_FS | _CLONE_FILES | _CLONE_SIGHAND | _CLONE_THREAD
_SYSVSEM, _SETTLS, _PARENT_SETTID, _CHILD_CLEARTID = 0x40000, 0x80000, 0x100000, 0x200000
_DETACHED, _CHILD_SETTID = 0x400000, 0x1000000
_A_THREADS_CHOICE: Final = _SYSVSEM | _SETTLS | _PARENT_SETTID | _CHILD_CLEARTID | _DETACHED | _CHILD_SETTID

# From <linux/futex.h>
_FUTEX_PRIVATE: Final = 128
_FUTEX_COMMAND: Final = 0x7F | _FUTEX_PRIVATE
_WAIT, _WAKE, _REQUEUE, _CMP_REQUEUE, _WAKE_OP, _WAIT_BITSET, _WAKE_BITSET = 0, 1, 3, 4, 5, 9, 10
_PRIVATE_FUTEX: Final = tuple(
    _FUTEX_PRIVATE | command
    for command in (_WAIT, _WAKE, _REQUEUE, _CMP_REQUEUE, _WAKE_OP, _WAIT_BITSET, _WAKE_BITSET)
)

# From <asm-generic/ioctls.h> and <asm-generic/termbits.h>: TCGETS TCGETS2 TIOCGWINSZ FIONREAD FIONBIO FIONCLEX FIOCLEX
_IOCTLS: Final = (0x5401, 0x802C_542A, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)

# From <linux/fcntl.h>: DUPFD GETFD SETFD GETFL SETFL GETLK DUPFD_CLOEXEC GETPIPE_SZ GET_SEALS
_FCNTLS: Final = (0, 1, 2, 3, 4, 5, 1030, 1032, 1034)
_SETTING_LOCKS: Final = (6, 7, 37, 38)  # SETLK SETLKW OFD_SETLK OFD_SETLKW

# From <linux/prctl.h>: GET_DUMPABLE SET_NAME GET_NAME GET_SECCOMP CAPBSET_READ GET_NO_NEW_PRIVS SET_VMA (names memory)
_PRCTLS: Final = (3, 15, 16, 21, 23, 39, 0x5356_4D41)

_ARCH_PRCTLS: Final = (0x1003, 0x1021, 0x1022, 0x1023)  # GET_FS, and the three by which AMX is asked for

# From <asm-generic/mman-common.h>: what concerns the caller's own pages. Left out: MERGEABLE, as merging pages tells a
# worker what another has in memory; COLD and PAGEOUT, which empty the page cache; HWPOISON.
_ADVICE: Final = (0, 1, 2, 3, 4, 8, 10, 11, 14, 15, 16, 17, 18, 19, 22, 23, 102, 103)

# From <linux/membarrier.h>: QUERY, and what reaches only threads of the caller: the PRIVATE_EXPEDITED family
_BARRIERS: Final = (0, 8, 16, 32, 64, 128, 256)

# From <asm-generic/socket.h>: REUSEADDR TYPE ERROR SNDBUF RCVBUF KEEPALIVE LINGER RCVTIMEO SNDTIMEO ACCEPTCONN PROTOCOL
# DOMAIN. Left out above all: PEERPIDFD and PEERCRED, which tell of the process at the other end.
_SOL_SOCKET: Final = 1
_SOCKET_OPTIONS: Final = (2, 3, 4, 7, 8, 9, 13, 20, 21, 30, 38, 39)

_MAP_HUGETLB: Final = 0x40000  # from a pool of the host's, which no limit divides

_CLOSE_RANGE_CLOEXEC: Final = 4  # the other flag would give a thread descriptors of its own
_O_NOTIFICATION_PIPE: Final = 0x80  # a pipe that the kernel writes events into

_AF_UNIX: Final = 1
_MSG_OOB: Final = 1
_A_PROCESS_CLOCK: Final = 0x8000_0000  # negative clock ids name another process's or thread's CPU time
_PERSONALITY_QUERY: Final = 0xFFFF_FFFF


def inner_policy(*, pid: int, own_mounts: bool) -> Policy:
    """Return the policy for the worker whose pid is `pid`, as it sees it itself.

    `own_mounts` says that all it can write is its own scratch, so that a file's mode and times are its own affair.
    """
    forbidden = refuse(errno.EPERM)
    rules: dict[str, Verdict] = dict.fromkeys(_ALLOWED.split(), ALLOW)
    rules |= dict.fromkeys(_METADATA.split(), ALLOW if own_mounts else UNRUN)
    rules |= dict.fromkeys(_DURABILITY.split(), UNRUN)
    rules |= dict.fromkeys(_XATTR.split(), refuse(errno.ENOTSUP))
    rules |= dict.fromkeys(_ABSENT.split(), refuse(errno.ENOSYS))
    rules |= _about_processes(pid)
    rules |= _BY_ARGUMENT
    return Policy(rules, default=forbidden, young=refuse(errno.ENOSYS))


def _only(*checks: Check, otherwise: int = errno.EPERM) -> Rule:
    return Rule((Case(checks, ALLOW),), refuse(otherwise))


def _about_processes(pid: int) -> dict[str, Verdict]:
    """Calls that name a process: only the caller itself, or 0, which is the same."""
    itself = is_one_of(0, 0, pid)
    names = "getpgid getsid prlimit64 sched_getparam sched_getscheduler sched_getattr"
    rules: dict[str, Verdict] = dict.fromkeys(names.split(), _only(itself))
    rules["kill"] = rules["tgkill"] = _only(is_one_of(0, pid))  # 0 would be the process group
    rules["getpriority"] = _only(is_one_of(0, 0), is_one_of(1, 0, pid))
    # pthread_getattr_np asks for any thread, and passes over a kernel that cannot tell
    rules["sched_getaffinity"] = _only(itself, otherwise=errno.ENOSYS)
    return rules


_FUTEX: Final = Rule(
    (
        Case((is_one_of(1, *_PRIVATE_FUTEX, mask=_FUTEX_COMMAND),), ALLOW),
        # A futex that is not private lies in a file for all who map it, and the kernel itself wakes one when a thread
        # ends (CLONE_CHILD_CLEARTID, robust lists). So nobody sleeps on one: who waits is told to look again, as
        # pthread_join then does, and who wakes is told, truly, that nobody was waiting.
        Case((is_one_of(1, _WAIT, _WAIT_BITSET, mask=_FUTEX_COMMAND),), refuse(errno.EAGAIN)),
        Case((is_one_of(1, _WAKE, _WAKE_BITSET, mask=_FUTEX_COMMAND),), UNRUN),
    ),
    refuse(errno.ENOSYS),
)

_FCNTL: Final = Rule(
    (
        Case((is_one_of(1, *_FCNTLS),), ALLOW),
        # A lock on a file that workers share would be a signal between them. One process needs no locks against
        # itself, which is all that record locks could mean to it: so all are granted and none is set. As nobody sets
        # one, F_GETLK truly finds none, and SQLite, which asks before it recovers a journal, works.
        Case((is_one_of(1, *_SETTING_LOCKS),), UNRUN),
    ),
    refuse(errno.EPERM),
)

_BY_ARGUMENT: Final[Mapping[str, Verdict]] = {
    "clone": _only(is_one_of(0, _A_THREAD, mask=0xFFFF_FFFF & ~_A_THREADS_CHOICE)),
    "futex": _FUTEX,
    "fcntl": _FCNTL,
    "close_range": _only(is_one_of(2, 0, _CLOSE_RANGE_CLOEXEC), otherwise=errno.EINVAL),
    "pipe2": _only(has_no_bits(1, _O_NOTIFICATION_PIPE), otherwise=errno.EINVAL),
    "ioctl": _only(is_one_of(1, *_IOCTLS)),
    "prctl": _only(is_one_of(0, *_PRCTLS)),
    "arch_prctl": _only(is_one_of(0, *_ARCH_PRCTLS)),
    "mmap": _only(has_no_bits(3, _MAP_HUGETLB), otherwise=errno.ENOMEM),
    "madvise": _only(is_one_of(2, *_ADVICE), otherwise=errno.EINVAL),
    "membarrier": _only(is_one_of(0, *_BARRIERS), otherwise=errno.EINVAL),
    "personality": _only(is_one_of(0, _PERSONALITY_QUERY)),
    "clock_gettime": _only(has_no_bits(0, _A_PROCESS_CLOCK), otherwise=errno.EINVAL),
    "clock_getres": _only(has_no_bits(0, _A_PROCESS_CLOCK), otherwise=errno.EINVAL),
    "clock_nanosleep": _only(has_no_bits(0, _A_PROCESS_CLOCK), otherwise=errno.EINVAL),
    "socketpair": _only(is_one_of(0, _AF_UNIX)),
    "sendto": _only(is_null(4), has_no_bits(3, _MSG_OOB)),
    "recvfrom": _only(has_no_bits(3, _MSG_OOB)),
    "getsockopt": _only(
        is_one_of(1, _SOL_SOCKET), is_one_of(2, *_SOCKET_OPTIONS), otherwise=errno.ENOPROTOOPT
    ),
}
