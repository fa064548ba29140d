"""What each layer holds in a real process, and what gets through where it is the one that is missing."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from dspash_protocol.confinement_plan import Layer
from tests.worker.confinement.cells import (
    CellServer,
    strict_plan,
    with_limits,
)


def test_all_layers_are_applied_in_their_order(cells: CellServer, scratch: Path) -> None:
    cell = cells.start("def attempt(): return 1", strict_plan(scratch))
    assert cell.layers == [layer.value for layer in Layer]
    assert cell.landlock_abi >= 1
    assert cell.outcome().value == 1


@pytest.mark.parametrize("layer", [layer for layer in Layer if layer is not Layer.NAMESPACES])
def test_each_layer_can_be_left_out(layer: Layer, cells: CellServer, scratch: Path) -> None:
    cell = cells.start("def attempt(): return 1", strict_plan(scratch, without=[layer]))
    assert cell.layers == [each.value for each in Layer if each is not layer]
    assert cell.outcome().value == 1


# --- namespaces

KINDS = ("pid", "mnt", "net", "ipc", "uts", "user", "cgroup")
OTHERS_REMOVED = {Layer.MOUNTS, Layer.LANDLOCK, Layer.SECCOMP}  # each would hide what is asked for


def test_every_namespace_is_a_workers_own(cells: CellServer, scratch: Path) -> None:
    code = f"def attempt():\n import os\n return [os.readlink('/proc/self/ns/' + kind) for kind in {KINDS}]"
    ours = [str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in KINDS]
    theirs = cells.run(code, strict_plan(scratch, without=OTHERS_REMOVED)).value
    assert [kind for kind, here, there in zip(KINDS, ours, theirs, strict=True) if here == there] == []


def test_other_processes_are_out_of_reach(cells: CellServer, scratch: Path) -> None:
    code = "def attempt():\n import os\n return [os.getpid(), os.getppid(), os.kill(os.getppid(), 0)]"
    assert cells.run(code, strict_plan(scratch, without=OTHERS_REMOVED)).value == [1, 0, None]
    beside = strict_plan(scratch, without={Layer.NAMESPACES, *OTHERS_REMOVED})
    pid, parent, reached = cells.run(code, beside).value
    assert pid > 1
    assert parent > 1
    assert reached is None


@pytest.mark.parametrize("kind", ["user", "mnt", "net", "pid", "ipc", "uts", "cgroup"])
def test_no_further_namespace_can_be_made(kind: str, cells: CellServer, scratch: Path) -> None:
    """Not even with all capabilities and no filter: the number allowed is zero."""
    flags = {
        "user": 0x1000_0000, "mnt": 0x2_0000, "net": 0x4000_0000, "pid": 0x2000_0000,
        "ipc": 0x800_0000, "uts": 0x400_0000, "cgroup": 0x200_0000,
    }  # fmt: skip
    code = f"def attempt(): return syscall('unshare', {flags[kind]})"
    outcome = cells.run(code, strict_plan(scratch, without=[Layer.SECCOMP, Layer.CAPABILITIES]))
    assert outcome.value == -errno.ENOSPC


# --- mounts

LEAVE_A_FILE = "def attempt():\n open('left', 'w').write('here')\n return 'written'"


def test_scratch_is_empty_and_leaves_nothing_behind(cells: CellServer, scratch: Path) -> None:
    (scratch / "of the host").write_text("x")
    code = "def attempt():\n import os\n before = os.listdir()\n open('left', 'w').write('x')\n return before"
    assert cells.run(code, strict_plan(scratch)).value == []
    assert [path.name for path in scratch.iterdir()] == ["of the host"]


def test_without_mounts_scratch_is_a_folder_of_the_host(cells: CellServer, scratch: Path) -> None:
    assert cells.run(LEAVE_A_FILE, strict_plan(scratch, without=[Layer.MOUNTS])).value == "written"
    assert [path.name for path in scratch.iterdir()] == ["left"]


@pytest.mark.parametrize(
    ("size", "code"),
    [
        ("bytes", "open('a', 'wb').write(bytes(2 << 20))"),
        ("inodes", "[open(f'f{n}', 'w').close() for n in range(100)]"),
    ],
)
def test_scratch_has_a_size(size: str, code: str, cells: CellServer, scratch: Path) -> None:
    code = f"def attempt():\n {code}\n return 'fits'"
    limit = {"scratch_bytes": 1 << 20} if size == "bytes" else {"scratch_inodes": 50}
    assert cells.run(code, with_limits(strict_plan(scratch), **limit)).errno == errno.ENOSPC
    without = with_limits(strict_plan(scratch, without=[Layer.MOUNTS]), **limit)
    assert cells.run(code, without).value == "fits"


TOUCH_A_DEVICE = """
def attempt():
    import os
    before = os.stat("/dev/full").st_mtime_ns
    os.utime("/dev/full")
    return os.stat("/dev/full").st_mtime_ns != before
"""


def test_devices_keep_their_times_which_all_workers_see(cells: CellServer, scratch: Path) -> None:
    """Anybody may write to /dev/full, and so set its times: on the host's own inode."""
    held = cells.run(TOUCH_A_DEVICE, strict_plan(scratch))
    assert held.errno == errno.EROFS
    alone = cells.run(TOUCH_A_DEVICE, strict_plan(scratch, without=[Layer.MOUNTS, Layer.SECCOMP]))
    assert alone.value is True
    # Where mounts are shared, the filter does it: answered, and not run.
    filtered = cells.run(TOUCH_A_DEVICE, strict_plan(scratch, without=[Layer.MOUNTS]))
    assert filtered.value is False


def test_proc_is_empty_and_read_only(cells: CellServer, scratch: Path) -> None:
    code = """
def attempt():
    import os
    found = os.listdir("/proc")
    try: open("/proc/x", "w")
    except OSError as error: return [found, error.errno]
"""
    assert cells.run(code, strict_plan(scratch, without=[Layer.LANDLOCK])).value == [[], errno.EROFS]
    without = strict_plan(scratch, without=[Layer.LANDLOCK, Layer.MOUNTS])
    assert cells.run("def attempt():\n import os\n return 'meminfo' in os.listdir('/proc')", without).value


def test_nothing_in_scratch_can_be_made_code(cells: CellServer, scratch: Path) -> None:
    code = """
def attempt():
    import mmap
    with open("code", "wb+") as file:
        file.write(bytes(4096)); file.flush()
        mmap.mmap(file.fileno(), 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC)
    return "mapped"
"""
    assert cells.run(code, strict_plan(scratch)).errno == errno.EPERM
    assert cells.run(code, strict_plan(scratch, without=[Layer.MOUNTS])).value == "mapped"


# --- landlock


@pytest.fixture
def secret() -> Generator[Path]:
    """A file that everybody may read, but no plan names."""
    with tempfile.NamedTemporaryFile(prefix="dspash-secret-", dir="/tmp", mode="w") as file:
        file.write("of the host")
        file.flush()
        Path(file.name).chmod(0o644)
        yield Path(file.name)


def test_a_path_that_the_plan_does_not_name_cannot_be_opened(
    cells: CellServer, scratch: Path, secret: Path
) -> None:
    code = f"def attempt(): return open({str(secret)!r}).read()"
    assert cells.run(code, strict_plan(scratch)).errno == errno.EACCES
    assert cells.run(code, strict_plan(scratch, without=[Layer.LANDLOCK])).value == "of the host"


@pytest.mark.parametrize("path", ["/", "/etc", "/tmp", "/home"])
def test_other_folders_cannot_be_listed(path: str, cells: CellServer, scratch: Path) -> None:
    code = f"def attempt():\n import os\n return len(os.listdir({path!r})) >= 0"
    assert cells.run(code, strict_plan(scratch)).errno == errno.EACCES
    assert cells.run(code, strict_plan(scratch, without=[Layer.LANDLOCK])).value is True


def test_programs_cannot_be_executed_even_if_calls_could(cells: CellServer, scratch: Path) -> None:
    code = "def attempt():\n import os\n os.execv('/usr/bin/true', ['true'])"
    only_seccomp_gone = strict_plan(scratch, without=[Layer.SECCOMP])
    assert cells.run(code, only_seccomp_gone).errno == errno.EACCES
    both = cells.run(code, strict_plan(scratch, without=[Layer.SECCOMP, Layer.LANDLOCK]))
    assert both.raised is None
    assert both.status == 0


@pytest.mark.parametrize("make", ["os.mkfifo('x')", "os.mknod('x', 0o140600)"])
def test_scratch_takes_files_and_no_meeting_points(make: str, cells: CellServer, scratch: Path) -> None:
    code = f"def attempt():\n import os\n {make}\n return 'made'"
    assert cells.run(code, strict_plan(scratch, without=[Layer.SECCOMP])).errno == errno.EACCES
    without = strict_plan(scratch, without=[Layer.SECCOMP, Layer.LANDLOCK])
    assert cells.run(code, without).value == "made"


# --- capabilities

MOUNT = "def attempt(): return syscall('mount', b'none', b'/proc', b'tmpfs', 0, 0)"
PRIVILEGED = {Layer.SECCOMP, Layer.LANDLOCK}  # Landlock forbids every change of mounts, whoever asks


def test_capabilities_of_its_own_user_namespace_are_gone(cells: CellServer, scratch: Path) -> None:
    assert cells.run(MOUNT, strict_plan(scratch, without=PRIVILEGED)).value == -errno.EPERM
    assert cells.run(MOUNT, strict_plan(scratch, without={*PRIVILEGED, Layer.CAPABILITIES})).value == 0


def test_no_set_holds_a_capability_and_securebits_are_locked(cells: CellServer, scratch: Path) -> None:
    code = """
def attempt():
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    bits = syscall("prctl", 27, 0, 0, 0, 0)
    return [[int(status[f"Cap{name}"], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")],
            status["NoNewPrivs"].strip(), bits, syscall("prctl", 28, 0, 0, 0, 0)]
"""
    layers = strict_plan(scratch, without={*PRIVILEGED, Layer.MOUNTS})
    assert cells.run(code, layers).value == [[0] * 5, "1", 0b1110_1111, -errno.EPERM]


# --- nondumpable

WAIT = "def attempt():\n send('alive')\n return receive()"


@pytest.mark.parametrize(("without", "answer"), [((), errno.EACCES), ((Layer.NONDUMPABLE,), 0)])
def test_others_of_the_same_user_cannot_look_inside(
    without: tuple[Layer, ...], answer: int, cells: CellServer, scratch: Path
) -> None:
    cell = cells.start(WAIT, strict_plan(scratch, without=without))
    assert cell.receive() == "alive"
    assert cells.peek(cell.pid) == answer
    cell.send("end")
    assert cell.outcome().value == "end"


# --- seccomp


@pytest.mark.parametrize(
    "code",
    ["os.waitpid(os.fork() or os._exit(0), 0)",
     "__import__('socket').socket()", "os.memfd_create('x')", "os.mkfifo('/dev/null')"],
    ids=["fork", "socket", "memfd", "mknod"],
)  # fmt: skip
def test_calls_are_refused_that_the_other_layers_let_pass(
    code: str, cells: CellServer, scratch: Path
) -> None:
    code = f"def attempt():\n import os\n try: {code}\n except FileExistsError: pass\n return 'done'"
    assert cells.run(code, strict_plan(scratch)).errno == errno.EPERM
    assert cells.run(code, strict_plan(scratch, without=[Layer.SECCOMP])).value == "done"


def test_a_filter_covers_threads_too(cells: CellServer, scratch: Path) -> None:
    code = """
def attempt():
    import os, threading
    answers = []
    thread = threading.Thread(target=lambda: answers.append(syscall("socket", 1, 1, 0)))
    thread.start(); thread.join()
    return answers
"""
    assert cells.run(code, strict_plan(scratch)).value == [-errno.EPERM]


# --- the outer filter


def test_the_outer_filter_holds_what_the_inner_one_would(cells: CellServer, scratch: Path) -> None:
    code = """
def attempt():
    import os
    return [syscall("ptrace", 0, 0, 0, 0), syscall("keyctl", 0, -3, 0, 0, 0), syscall("socket", 2, 1, 0),
            syscall("io_uring_setup", 1, 0), syscall("execve", 0, 0, 0), syscall("clone3", 0, 0),
            syscall("personality", 0x40000), os.waitpid(os.fork() or os._exit(3), 0)[1] >> 8]
"""
    held = cells.run(code, strict_plan(scratch, without=[Layer.SECCOMP]), outer=True)
    refused = -errno.EPERM
    assert held.value == [
        refused, refused, -errno.EAFNOSUPPORT, refused, refused, -errno.ENOSYS, refused, 3
    ]  # fmt: skip
    free = cells.run(code, strict_plan(scratch, without=[Layer.SECCOMP]))
    assert free.value[0] == 0
    assert refused not in free.value[1:4]


def test_inside_the_outer_filter_a_worker_is_confined_as_without(cells: CellServer, scratch: Path) -> None:
    cell = cells.start("def attempt(): return syscall('socket', 1, 1, 0)", strict_plan(scratch), outer=True)
    assert cell.layers == [layer.value for layer in Layer]
    assert cell.outcome().value == -errno.EPERM


# --- forked as the first of a PID namespace, without a process in between


def test_a_worker_can_make_its_own_namespaces(cells: CellServer, scratch: Path) -> None:
    code = f"""
def attempt():
    import os
    return [os.getpid(), os.getppid(), [os.readlink("/proc/self/ns/" + kind) for kind in {KINDS}]]
"""
    ours = [str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in KINDS]
    plan = strict_plan(scratch, without=OTHERS_REMOVED)
    pid, parent, theirs = cells.run(code, plan, alone=True).value
    assert (pid, parent) == (1, 0)
    assert [kind for kind, here, there in zip(KINDS, ours, theirs, strict=True) if here == there] == []


def test_it_is_confined_alike(cells: CellServer, scratch: Path) -> None:
    code = "def attempt():\n import os\n return [os.listdir(), syscall('socket', 1, 1, 0)]"
    cell = cells.start(code, strict_plan(scratch), alone=True, outer=True)
    assert cell.layers == [layer.value for layer in Layer]
    assert cell.outcome().value == [[], -errno.EPERM]


@pytest.mark.parametrize("without", [(), (Layer.SECCOMP,), (Layer.SECCOMP, Layer.CAPABILITIES)])
def test_it_holds_nothing_over_the_zygotes_namespaces(
    without: tuple[Layer, ...], cells: CellServer, scratch: Path
) -> None:
    code = "def attempt(): return [syscall('unshare', 0x2000_0000), syscall('sethostname', b'x', 1)]"
    entered, renamed = cells.run(code, strict_plan(scratch, without=without), alone=True).value
    assert entered in {-errno.EPERM, -errno.ENOSPC}
    assert renamed == (0 if Layer.CAPABILITIES in without else -errno.EPERM)  # of its own host name namespace
