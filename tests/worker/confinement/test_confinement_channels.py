"""Two confined workers cannot signal to each other through what both can see: each way works where its layer is missing.

The workers share a file that both may read and neither may write, devices, and the kernel.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dspash_protocol.confinement_plan import ConfinementPlan, Layer
from tests.worker.confinement.cells import CellServer, strict_plan

PRELUDE = """
import ctypes, errno, fcntl, mmap, os, select, struct, threading, time
LIBC.mmap.restype = ctypes.c_void_p
FILE = {file!r}

class Timespec(ctypes.Structure):
    _fields_ = (("s", ctypes.c_long), ("ns", ctypes.c_long))

def opened():
    return os.open(FILE, os.O_RDONLY)

def mapped():
    return LIBC.mmap(None, ctypes.c_size_t(4096), mmap.PROT_READ, mmap.MAP_SHARED, opened(), ctypes.c_long(0))

def wait_on(address, operation):
    for _ in range(500):
        end = time.monotonic() + 0.01 if operation == 9 else 0.01  # of one the time is absolute, of the other not
        limit = Timespec(int(end), int(end % 1 * 1e9))
        answer = syscall("futex", address, operation, 0, ctypes.addressof(limit), 0, 0xFFFFFFFF)
        if answer == 0: return True
        if answer != -errno.ETIMEDOUT: return False
    return False

def query(operation):
    lock = struct.pack("hhqqixxxx", fcntl.F_WRLCK, 0, 0, 0, 0)
    return struct.unpack("hhqqixxxx", fcntl.fcntl(opened(), operation, lock))[0] != fcntl.F_UNLCK

def in_a_thread(prepare):
    thread = threading.Thread(target=prepare)
    thread.start(); thread.join()

def stopped():
    return bool(select.select([3], [], [], 0.01)[0])

def prepare(): pass
def give(): pass
def repeat(): pass
"""

GIVER = """
def attempt():
    held = give()
    send(os.getpid())
    while not stopped(): repeat()
"""

TAKER = """
def attempt():
    global told
    prepare()
    send("ready")
    told = receive()
    return notice()
"""


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to signal, and the layers that have to be missing for it to work.

    The giver calls `give` once and `repeat` until the taker is done; the taker calls `prepare` before and `notice` after,
    and is told the giver's pid.
    """

    code: str
    opened_by: frozenset[Layer]


SECCOMP, MOUNTS, LANDLOCK, NAMESPACES = Layer.SECCOMP, Layer.MOUNTS, Layer.LANDLOCK, Layer.NAMESPACES


def through(*layers: Layer, code: str) -> Channel:
    return Channel(code, frozenset(layers))


CHANNELS = {
    "flock": through(
        SECCOMP,
        code="""
def give():
    descriptor = opened()
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor
def notice():
    try: fcntl.flock(opened(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError: return True
""",
    ),
    "record lock": through(
        SECCOMP,
        code="""
def give():
    descriptor = opened()
    fcntl.lockf(descriptor, fcntl.LOCK_SH)
    return descriptor
def notice(): return query(fcntl.F_GETLK)
""",
    ),
    "open file description lock": through(
        SECCOMP,
        code="""
def give():
    descriptor = opened()
    fcntl.fcntl(descriptor, 37, struct.pack("hhqqixxxx", fcntl.F_RDLCK, 0, 0, 0, 0))
    return descriptor
def notice(): return query(fcntl.F_GETLK)
""",
    ),
    "shared futex": through(
        SECCOMP,
        code="""
address = mapped()
def repeat(): syscall("futex", address, 1, 1, 0, 0, 0)
def notice(): return wait_on(address, 0)
""",
    ),
    "shared futex with bits": through(
        SECCOMP,
        code="""
address = mapped()
def repeat(): syscall("futex", address, 10, 1, 0, 0, 0xFFFFFFFF)
def notice(): return wait_on(address, 9)
""",
    ),
    # These two futexes the kernel itself wakes when a thread ends: no call of the giver's says so.
    "end of a thread whose id lies in a shared file": through(
        SECCOMP,
        code="""
address = mapped()
def repeat(): in_a_thread(lambda: syscall("set_tid_address", address))
def notice(): return wait_on(address, 0)
""",
    ),
    "end of a thread that holds a robust lock in a shared file": through(
        SECCOMP,
        code="""
address = mapped()
def leave_locked():
    held = heads.pop()
    held[0], held[2] = ctypes.addressof(held), address
    syscall("set_robust_list", ctypes.addressof(held), 24)
    kept.append(held)
heads, kept = [], []
def repeat():
    heads.append((ctypes.c_void_p * 3)())
    in_a_thread(leave_locked)
def notice(): return wait_on(address, 0)
""",
    ),
    "times of a device": through(
        MOUNTS,
        SECCOMP,
        code="""
def prepare():
    global before
    before = os.stat("/dev/full").st_mtime_ns
def give(): os.utime("/dev/full")
def notice(): return os.stat("/dev/full").st_mtime_ns != before
""",
    ),
    "times of standard input": through(
        MOUNTS,
        SECCOMP,
        code="""
def prepare():
    global before
    before = os.fstat(0).st_mtime_ns
def give(): syscall("utimensat", 0, 0, 0, 0)
def notice(): return os.fstat(0).st_mtime_ns != before
""",
    ),
    "watching a file": through(
        SECCOMP,
        code="""
def prepare():
    global watch
    watch = syscall("inotify_init1", 0x800)
    syscall("inotify_add_watch", watch, FILE.encode(), 1)
def give(): os.read(opened(), 1)
def notice(): return watch >= 0 and len(os.read(watch, 4096)) > 0
""",
    ),
    "abstract socket": through(
        SECCOMP,
        LANDLOCK,
        NAMESPACES,
        MOUNTS,
        code="""
import socket
def give():
    end = socket.socket(socket.AF_UNIX)
    end.bind(b"\\0dspash-test"); end.listen()
    return end
def notice():
    socket.socket(socket.AF_UNIX).connect(b"\\0dspash-test")
    return True
""",
    ),
    "System V shared memory": through(
        SECCOMP,
        NAMESPACES,
        MOUNTS,
        code="""
def give():
    global memory
    memory = syscall("shmget", 0x64737061, 4096, 0o1600)
def stopped(wait=stopped):
    if not wait(): return False
    syscall("shmctl", memory, 0, 0)
    return True
def notice(): return syscall("shmget", 0x64737061, 4096, 0) >= 0
""",
    ),
    "message queue": through(
        SECCOMP,
        Layer.RLIMITS,
        LANDLOCK,
        NAMESPACES,
        MOUNTS,
        code="""
def give(): syscall("mq_open", b"dspash-test", 0o102, 0o600, 0)
def stopped(wait=stopped):
    if not wait(): return False
    syscall("mq_unlink", b"dspash-test")
    return True
def notice(): return syscall("mq_open", b"dspash-test", 0, 0, 0) >= 0
""",
    ),
    "file in scratch": through(
        MOUNTS,
        code="""
def give(): open("signal", "w").close()
def notice(): return os.path.exists("signal")
""",
    ),
    "CPU time of a process": through(
        SECCOMP,
        NAMESPACES,
        MOUNTS,
        code="""
def notice():
    clock = ~told << 3 | 2
    before = time.clock_gettime(clock)
    for _ in range(500):
        select.select([], [], [], 0.01)
        if time.clock_gettime(clock) > before: return True
""",
    ),
}


@pytest.fixture
def shared_file() -> Generator[Path]:
    """A page of zeros that all may read."""
    with tempfile.NamedTemporaryFile(prefix="dspash-shared-", dir="/tmp") as file:
        file.write(bytes(4096))
        file.flush()
        Path(file.name).chmod(0o644)
        yield Path(file.name)


def plan_with(scratch: Path, shared: Path, without: frozenset[Layer] = frozenset()) -> ConfinementPlan:
    plan = strict_plan(scratch, without=without)
    return replace(plan, readable=(*plan.readable, str(shared)))


def signal_arrives(cells: CellServer, channel: Channel, plan: ConfinementPlan, file: Path) -> bool:
    """Whether one worker notices what another does."""
    prelude = PRELUDE.format(file=str(file))
    taker = cells.start(f"{prelude}{channel.code}{TAKER}", plan)
    taker.receive()
    giver = cells.start(f"{prelude}{channel.code}{GIVER}", plan)
    taker.send(giver.receive())
    noticed = taker.outcome().value is True
    giver.send("end")
    giver.outcome()
    return noticed


@pytest.mark.parametrize("name", CHANNELS)
def test_no_signal_arrives(name: str, cells: CellServer, scratch: Path, shared_file: Path) -> None:
    assert not signal_arrives(cells, CHANNELS[name], plan_with(scratch, shared_file), shared_file)


@pytest.mark.parametrize("name", CHANNELS)
def test_it_arrives_where_its_layers_are_missing(
    name: str, cells: CellServer, scratch: Path, shared_file: Path
) -> None:
    channel = CHANNELS[name]
    assert signal_arrives(cells, channel, plan_with(scratch, shared_file, channel.opened_by), shared_file)


def test_reading_a_shared_file_leaves_no_time_of_access(
    cells: CellServer, scratch: Path, shared_file: Path
) -> None:
    """A mount that counts accesses does so for the first one after a change."""
    os.utime(shared_file, (1, 2))
    code = f"def attempt():\n import os\n open({str(shared_file)!r}).read()\n return os.stat({str(shared_file)!r}).st_atime"
    assert cells.run(code, plan_with(scratch, shared_file)).value == 1
    if os.statvfs(shared_file).f_flag & os.ST_NOATIME:
        pytest.skip("no mount here counts accesses")
    without = plan_with(scratch, shared_file, frozenset({Layer.MOUNTS}))
    assert cells.run(code, without).value > 1


def test_nothing_of_the_zygote_is_open(cells: CellServer, scratch: Path) -> None:
    code = """
def attempt():
    import fcntl, os, stat
    found = []
    for descriptor in range(4096):
        try: kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        except OSError: continue
        found.append([descriptor, stat.filemode(kind)[0], fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE])
    return [found, fcntl.fcntl(3, fcntl.F_GETFD), os.fstat(0).st_rdev == os.stat("/dev/null").st_rdev]
"""
    found, flags, is_null = cells.run(code, strict_plan(scratch)).value
    assert found == [[0, "c", os.O_RDONLY], [1, "p", os.O_WRONLY], [2, "p", os.O_WRONLY], [3, "s", os.O_RDWR]]
    assert flags == 1  # FD_CLOEXEC
    assert is_null


def test_what_is_printed_goes_to_the_workers_own_pipe(cells: CellServer, scratch: Path) -> None:
    code = "def attempt():\n import os, sys\n print('out', flush=True); print('err', file=sys.stderr); os.write(1, b'raw')"
    assert cells.run(code, strict_plan(scratch)).printed == "out\nerr\nraw"


def test_a_worker_is_in_its_scratch_and_in_a_process_group_of_its_own(
    cells: CellServer, scratch: Path
) -> None:
    code = """
def attempt():
    import os, tempfile
    names = [os.environ[name] for name in ("HOME", "TMPDIR", "PWD")]
    return [names, tempfile.gettempdir(), os.getcwd(), os.umask(0), os.getpgrp()]
"""
    here = str(scratch)
    assert cells.run(code, strict_plan(scratch)).value == [[here] * 3, here, here, 0o077, 1]


def test_signals_are_as_in_a_new_python(cells: CellServer, scratch: Path) -> None:
    code = """
def attempt():
    import signal
    odd = [number for number in signal.valid_signals() if signal.getsignal(number) not in (signal.SIG_DFL, None)]
    return [sorted(odd), list(signal.pthread_sigmask(signal.SIG_BLOCK, ())), signal.set_wakeup_fd(-1)]
"""
    handled, blocked, wakeup = cells.run(code, strict_plan(scratch)).value
    assert set(handled) == {signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ}
    assert (blocked, wakeup) == ([], -1)


def test_a_crash_starts_no_handler_of_the_hosts(cells: CellServer, scratch: Path) -> None:
    code = """
def attempt():
    import ctypes, resource
    send([resource.getrlimit(resource.RLIMIT_CORE), syscall("prctl", 3, 0, 0, 0, 0)])
    ctypes.string_at(8)
"""
    cell = cells.start(code, strict_plan(scratch))
    assert cell.receive() == [[1, 1], 0]
    status: Any = cell.outcome().status
    assert os.WIFSIGNALED(status)
    assert not os.WCOREDUMP(status)
