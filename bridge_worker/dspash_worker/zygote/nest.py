"""Nest: a PID namespace with its first process, made before the worker that will live in it.

The worker is not that first process: to those the kernel delivers no signal they have not asked for, and trusted code
may well kill itself. It is put in from outside, and so remains a child of the zygote, which learns its true end.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, NoReturn

from dspash_worker.zygote.shedding import shed
from dspash_worker.zygote.system import (
    NEW_MOUNTS,
    NEW_PIDS,
    die_with_parent_thread,
    join,
    mount_proc,
    unshare,
)

__all__ = ["Nest", "Nests"]

BUILDING_S: Final = 5.0
"""What a nest's first process may take to set itself up; it takes some ms."""

_BUILT: Final = b"built"


class Nest:
    """A namespace and the process that holds it; when that ends, the kernel ends all others inside."""

    def __init__(self, init: int, pidfd: int, word: int) -> None:
        self.init = init
        self.pidfd = pidfd
        self._word = word  # where it says that it is built, or why it is not; -1 once it has

    def __repr__(self) -> str:
        return f"<Nest {self.init}>"

    def await_built(self) -> None:
        """Return once it can be lived in. Raises OSError when it cannot."""
        arrived = select.poll()
        arrived.register(self._word, select.POLLIN)
        word = os.read(self._word, 4096) if arrived.poll(BUILDING_S * 1000) else b"it takes too long"
        os.close(self._word)
        self._word = -1
        if word != _BUILT:
            raise OSError(f"no namespace for a worker: {word.decode(errors='replace') or 'its init ended'}")

    def enter_mounts(self) -> None:
        """Move this process into the nest's mounts, staying in its folder. Raises OSError."""
        folder = Path.cwd()
        join(self.pidfd, NEW_MOUNTS)
        os.chdir(folder)

    def end(self) -> None:
        """Kill its first process, and so all in it; the process is still to be reaped."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        for descriptor in (self.pidfd, self._word):
            if descriptor >= 0:
                os.close(descriptor)


class Nests:
    """Makes nests, and keeps one ready."""

    def __init__(self) -> None:
        self._own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._spare: Nest | None = None

    def __repr__(self) -> str:
        return f"<Nests spare={self._spare!r}>"

    @property
    def lacks_spare(self) -> bool:
        """Whether none is ready."""
        return self._spare is None

    def make_spare(self) -> None:
        """Begin to make one. Raises OSError."""
        self._spare = self._make()

    def take(self) -> Nest:
        """One that can be lived in, which is the caller's. Raises OSError."""
        nest, self._spare = self._spare or self._make(), None
        try:
            nest.await_built()
        except OSError:
            nest.end()
            raise
        return nest

    def lose(self, init: int) -> None:
        """A first process has ended: if it is the spare's, there is none."""
        if self._spare is not None and self._spare.init == init:
            self._spare.end()
            self._spare = None

    def inside(self, nest: Nest) -> AbstractContextManager[None]:
        """Children forked in the block live in the nest."""
        return self._elsewhere(functools.partial(join, nest.pidfd, NEW_PIDS))

    def _make(self) -> Nest:
        reading, writing = os.pipe()
        try:
            with self._elsewhere(functools.partial(unshare, NEW_PIDS)):
                init = os.fork()
                if init == 0:
                    _keep_nest(writing)
            return Nest(init, os.pidfd_open(init), reading)
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)

    @contextmanager
    def _elsewhere(self, go: Callable[[], None]) -> Generator[None]:
        """Children forked in the block live where `go` leads; those after it live here again."""
        go()
        try:
            yield
        finally:
            try:
                join(self._own, NEW_PIDS)
            except OSError as error:  # no birth that failed, but the end of all births
                raise RuntimeError("a zygote that cannot come back from a namespace is of no use") from error


def _keep_nest(word: int) -> NoReturn:
    """Be the first process: set up what is seen inside, then reap what loses its parent, until killed."""
    try:
        shed(keep=(word,))
        die_with_parent_thread()
        os.setsid()
        unshare(NEW_MOUNTS)
        with contextlib.suppress(PermissionError):  # where /proc is masked, the one outside serves
            mount_proc()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        os.write(word, _BUILT)
        os.close(word)
        while True:
            signal.sigwait([signal.SIGCHLD])
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    continue
    except BaseException as error:  # noqa: BLE001 - nothing of the zygote may go on in here
        with contextlib.suppress(OSError):
            os.write(word, str(error).encode(errors="replace"))
    finally:
        os._exit(1)
