"""`python -P -m dspash_worker.zygote --control FD`: imports DSPy, then forks workers for the host at FD's other end."""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import os
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from dspash_worker.parent import die_with_parent

if TYPE_CHECKING:
    from dspash_worker.zygote.home import Home
    from dspash_worker.zygote.nest import Nests

_UNFIT: Final = 6
"""Exit status of a zygote that found itself with more threads than one: what they held would be held in every fork."""

_TASKS: Final = Path("/proc/self/task")
_CLONE_THREAD: Final = 0x00010000
"""What unshare(2) refuses to a process of several threads, and does nothing for one."""

_THREADS_END_S: Final = 1.0
_ALGEBRA: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""What the libraries below NumPy read, while they are loaded, of how many threads to start."""


def main() -> NoReturn:
    """Become ready to fork, say so, and serve."""
    given = _read_arguments()
    die_with_parent(os.environ)
    began = time.monotonic()
    from dspash_worker.zygote.trade import Trade, learn

    with _single_threaded_algebra():
        prepare_to_serve = learn(Trade(given.trade))
    from dspash_protocol.birth import Up
    from dspash_worker.confinement import install_outer, prepare
    from dspash_worker.log import say
    from dspash_worker.stdio import open_streams
    from dspash_worker.versions import find_versions
    from dspash_worker.zygote.brood import Brood
    from dspash_worker.zygote.control import Control
    from dspash_worker.zygote.heap import collapse
    from dspash_worker.zygote.home import Home, may_leave
    from dspash_worker.zygote.lineage import adopt_orphans
    from dspash_worker.zygote.zygote import serve

    # By itself, since -I ignores what the environment says of it. The thread that crashed is told alone: the stacks of
    # all the others would push its own out of the lines that the host keeps.
    faulthandler.enable(all_threads=False)
    import_ms = round((time.monotonic() - began) * 1000)
    threads = _await_last_thread()
    if threads != 1:
        say(f"a zygote has one thread, this one has {threads}")
        os._exit(_UNFIT)
    if given.sandbox:
        open_streams()  # in every fork these lead to its own 1 and 2
        prepare()
        install_outer()
    gc.collect()
    gc.freeze()  # what exists now is in every fork: a collector that touched it would copy it
    collapse()
    adopt_orphans()
    home = Home() if given.nests or (given.sandbox and may_leave()) else None
    nests, problems = _open_nests(home) if given.nests and home is not None else (None, ())
    control = Control(given.control)
    control.send(Up(os.getpid(), str(find_versions()["dspy"]), import_ms, threads, problems))
    serve(control, Brood(control, prepare_to_serve, home, nests), nests)
    sys.stderr.flush()
    os._exit(0)


@contextlib.contextmanager
def _single_threaded_algebra() -> Generator[None, None, None]:
    """Have NumPy, if the block loads it as some versions of DSPy do, start no threads; workers that load it later may."""
    added = [name for name in _ALGEBRA if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _await_last_thread() -> int:
    """How many threads are left; those of an event loop that was closed may take a moment to be gone."""
    until = time.monotonic() + _THREADS_END_S
    while (threads := _count_threads()) > 1 and time.monotonic() < until:
        time.sleep(0.0005)
    return threads


def _count_threads() -> int:
    """The threads of this process; where /proc is empty, 2 stands for any number above 1."""
    from dspash_worker.confinement import kernel

    try:
        return sum(1 for _ in _TASKS.iterdir())
    except FileNotFoundError:
        pass
    try:
        kernel.unshare(_CLONE_THREAD)
    except OSError:
        return 2
    return 1


def _open_nests(home: Home) -> tuple[Nests | None, tuple[str, ...]]:
    """What makes namespaces, proven by making one; or why there is none."""
    from dspash_worker.zygote.nest import Nests

    try:
        nests = Nests(home)
        nests.make_spare()
    except OSError as error:
        return None, (f"no PID namespaces for workers: {error}",)
    return nests, ()


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -P -m dspash_worker.zygote",
        description="Forks ready DSPy workers for a host on the same machine.",
    )
    parser.add_argument(
        "--control", type=int, required=True, metavar="FD", help="a SOCK_SEQPACKET socket to the host"
    )
    parser.add_argument(
        "--nests",
        action="store_true",
        help="be able to give workers a PID namespace with a first process apart",
    )
    parser.add_argument(
        "--sandbox",
        action="store_true",
        help="be confined like the workers that are to be forked, as far as forking allows",
    )
    parser.add_argument(
        "--trade",
        choices=("programs", "interpreter"),
        default="programs",
        help="what its workers are for (default %(default)s)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
