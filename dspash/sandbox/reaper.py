"""Reaper: run as `python -I -S reaper.py PARENT COMMAND…`, it runs COMMAND and leaves no process of it behind.

Bubblewrap by itself may. Its child waits for a word of the process that watches over it, and only then asks the kernel
to die with it: a child whose watcher is killed in between waits for ever. So this stands above both. What loses its
parent becomes a child of the reaper, in whatever state it was, and the reaper ends all its children when COMMAND ends,
when PARENT ends (or that thread of it which started the reaper), and on SIGTERM. It exits as COMMAND did, with 128 + n
for signal n.

It takes SIGTERM for an order. A SIGKILL would leave it no time to carry one out.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator

__all__ = ["main"]

FAILED = 125  # the exit status of wrappers whose command was never run
SIGNALLED = 128  # plus the signal's number, as bubblewrap and shells have it
ORDERS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
LOOK_S = 0.01  # between looks for children, should one of them be slow to die

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status once nothing is left of it."""
    parent, command = int(arguments[0]), arguments[1:]
    # Some hosts ignore it, and that is inherited: neither we nor the command would learn of a child's end.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, {*ORDERS, signal.SIGCHLD})
    try:
        children()  # a kernel that does not tell them is to be found out before there are any
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            return FAILED  # it had ended before the kernel was asked to tell of it
        child = os.fork()
        if child == 0:
            become(command)
        let_go_of_descriptors()
    except OSError as error:
        os.write(2, f"dspash could not start {command[0]}: {error}\n".encode())
        end_children()
        return FAILED
    status = watch(child)
    end_children()
    return status


def become(command: list[str]) -> None:
    """Be the command, in a session of its own, so that what it sends to its group is not for the reaper."""
    try:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {*ORDERS, signal.SIGCHLD})
        # What is ignored is inherited: some signals by every Python, others where the host was started in the background.
        for number in signal.valid_signals():
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)  # noqa: S606 - never through a shell
    except OSError as error:
        os.write(2, f"dspash could not run {command[0]}: {error}\n".encode())
    finally:
        os._exit(FAILED)


def let_go_of_descriptors() -> None:
    """Keep none of the command's, so that their other ends see it close them."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    # Not os.closerange: where the C library cannot close a range, that takes 100 ms for a million possible ones.
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            with contextlib.suppress(OSError):  # the one that the list was read from
                os.close(int(name))


def watch(child: int) -> int:
    """Wait for the end of `child`, or for an order; the exit status to have."""
    while True:
        ordered = signal.sigwait({*ORDERS, signal.SIGCHLD}) in ORDERS
        for pid, status in reap():
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else SIGNALLED - code
        if ordered:
            return SIGNALLED + signal.SIGKILL


def end_children() -> None:
    """Kill every child, and what becomes one when its own parent dies, until there is none."""
    with contextlib.suppress(ChildProcessError):
        while True:
            for _ in reap():
                pass
            for pid in children():
                os.kill(pid, signal.SIGKILL)  # ours until it is reaped: nobody else has the number
            signal.sigtimedwait({signal.SIGCHLD}, LOOK_S)


def reap() -> Iterator[tuple[int, int]]:
    """Each child that has ended, with its wait status. Raises ChildProcessError once there is no child at all."""
    while (ended := os.waitpid(-1, os.WNOHANG))[0] != 0:
        yield ended


def children() -> list[int]:
    """The pids of all children. Raises OSError where the kernel does not tell them."""
    me = os.getpid()
    with open(f"/proc/{me}/task/{me}/children", encoding="ascii") as pids:
        return [int(pid) for pid in pids.read().split()]


def prctl(option: int, value: int) -> None:
    """Raises OSError."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
