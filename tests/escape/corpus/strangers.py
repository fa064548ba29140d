"""Strangers: reaching processes that are not one's own."""

from __future__ import annotations

from typing import Final

from tests.escape.attempt import Attempt, Need, Proof

__all__ = ["STRANGERS"]

STRANGERS: Final = (
    Attempt(
        "signal_to_a_stranger",
        "end a process of the host",
        """
        import signal

        def attempt(planted):
            os.kill(planted["victim_pid"], signal.SIGUSR1)
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "signal_to_a_thread",
        "the same, aiming at its thread",
        """
        import signal

        def attempt(planted):
            done(syscall("tgkill", planted["victim_pid"], planted["victim_pid"], signal.SIGUSR1))
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "signal_to_a_group",
        "the same, aiming at its group",
        """
        import signal

        def attempt(planted):
            os.killpg(planted["victim_pid"], signal.SIGUSR1)
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "signal_by_descriptor",
        "the same, by a descriptor of it",
        """
        import signal

        def attempt(planted):
            handle = done(syscall("pidfd_open", planted["victim_pid"], 0))
            done(syscall("pidfd_send_signal", handle, signal.SIGUSR1, None, 0))
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "signal_from_the_queue",
        "the same, as a queued one",
        """
        import signal

        def attempt(planted):
            told = (ctypes.c_int * 32)(signal.SIGUSR1, 0, -1, 0)
            done(syscall("rt_sigqueueinfo", planted["victim_pid"], signal.SIGUSR1, told))
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "signal_by_a_pipe",
        "have a pipe's arrival of bytes signal it",
        """
        import fcntl, signal, socket

        def attempt(planted):
            near, far = socket.socketpair()
            fcntl.fcntl(near, fcntl.F_SETOWN, planted["victim_pid"])
            fcntl.fcntl(near, 10, signal.SIGUSR1)  # F_SETSIG
            fcntl.fcntl(near, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
            far.send(b"!")
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "signal_to_everybody",
        "reach every process there is; signal 0 only asks whether one may",
        """
        def attempt(planted):
            os.kill(-1, 0)
            return True
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "signal_to_the_host",
        "reach the host's own process",
        """
        def attempt(planted):
            for pid in (planted["host_pid"], os.getppid() or planted["host_pid"]):
                os.kill(pid, 0)
            return True
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "debugging_a_stranger",
        "take a process of the host over",
        """
        def attempt(planted):
            PTRACE_SEIZE = 0x4206
            return reached("ptrace", PTRACE_SEIZE, planted["victim_pid"], 0, 0)
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "memory_of_a_stranger",
        "read the memory of a process of the host",
        """
        def attempt(planted):
            begin, size = planted["victim_stack"]
            room = ctypes.create_string_buffer(size)
            here = (ctypes.c_uint64 * 2)(ctypes.addressof(room), size)
            there = (ctypes.c_uint64 * 2)(begin, size)
            done(syscall("process_vm_readv", planted["victim_pid"], here, 1, there, 1, 0))
            return secrets_in(room.raw)
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "memory_file_of_a_stranger",
        "read it through its file",
        """
        def attempt(planted):
            begin, size = planted["victim_stack"]
            memory = os.open(f"/proc/{planted['victim_pid']}/mem", os.O_RDONLY)
            return secrets_in(os.pread(memory, size, begin))
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "descriptor_of_a_stranger",
        "take a copy of a descriptor of a process of the host",
        """
        def attempt(planted):
            handle = done(syscall("pidfd_open", planted["victim_pid"], 0))
            fd = done(syscall("pidfd_getfd", handle, planted["victim_fd"], 0))
            return os.pread(fd, 100, 0).decode()
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "environment_of_the_host",
        "read the variables of the host's process",
        """
        def attempt(planted):
            for pid in (planted["host_pid"], planted["victim_pid"], os.getppid(), 1):
                try:
                    if found := secrets_in(open(f"/proc/{pid}/environ", "rb").read()):
                        return found
                except OSError:
                    continue
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "arguments_of_everybody",
        "read how every process was started",
        """
        def attempt(planted):
            found = []
            for entry in os.listdir("/proc"):
                try:
                    if entry.isdecimal():
                        found += secrets_in(open(f"/proc/{entry}/cmdline", "rb").read())
                except OSError:
                    continue
            return found
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "priority_of_a_stranger",
        "slow a process of the host down",
        """
        def attempt(planted):
            os.setpriority(os.PRIO_PROCESS, planted["victim_pid"], 19)
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "cores_of_a_stranger",
        "bind a process of the host to one core",
        """
        def attempt(planted):
            os.sched_setaffinity(planted["victim_pid"], {0})
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "limits_of_a_stranger",
        "starve a process of the host of descriptors",
        """
        import resource

        def attempt(planted):
            resource.prlimit(planted["victim_pid"], resource.RLIMIT_NOFILE, (3, 3))
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "scheduling_of_a_stranger",
        "let a process of the host run only when nothing else does",
        """
        def attempt(planted):
            os.sched_setscheduler(planted["victim_pid"], os.SCHED_IDLE, os.sched_param(0))
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "disk_priority_of_a_stranger",
        "slow its reading and writing down",
        """
        def attempt(planted):
            done(syscall("ioprio_set", 1, planted["victim_pid"], 3 << 13))
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "existence_of_a_stranger",
        "learn which processes there are",
        """
        def attempt(planted):
            for ask in (os.getpgid, os.getsid, os.sched_getscheduler, os.sched_getaffinity, os.sched_getparam):
                try:
                    ask(planted["victim_pid"])
                    return True
                except OSError as error:
                    problem = error
            raise problem
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "comparison_with_a_stranger",
        "learn what a process of the host shares with this one",
        """
        def attempt(planted):
            return reached("kcmp", os.getpid(), planted["victim_pid"], 1, 0, 0)
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.KCMP}),
    ),
    Attempt(
        "namespaces_of_a_stranger",
        "enter the namespaces of a process of the host",
        """
        def attempt(planted):
            CLONE_NEWUTS = 0x4000000
            handle = done(syscall("pidfd_open", planted["victim_pid"], 0))
            return reached("setns", handle, CLONE_NEWUTS)
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
)
