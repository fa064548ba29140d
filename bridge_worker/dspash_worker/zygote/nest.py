"""Nest: a PID namespace with its first process, made before the worker that will live in it.

The worker is not that first process: to those the kernel delivers no signal they have not asked for, and trusted code
may well kill itself. It is put in from outside, and so remains a child of the zygote, which learns its true end.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from contextlib import AbstractContextManager
from typing import Final, NoReturn

from dspash_worker.confinement import kernel
from dspash_worker.confinement.namespaces import CLONE_NEWNS
from dspash_worker.zygote.home import Home
from dspash_worker.zygote.lineage import die_with_parent_thread
from dspash_worker.zygote.shedding import shed

__all__ = ["Nest", "Nests"]

BUILDING_S: Final = 5.0
"""What a nest's first process may take to set itself up; it takes some ms."""

_BUILT: Final = b"built"
_MS_NOSUID: Final = 0x2
_MS_NODEV: Final = 0x4
_MS_NOEXEC: Final = 0x8
_MS_REC: Final = 0x4000
_MS_SLAVE: Final = 0x8_0000


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
        folder = os.getcwd()  # noqa: PTH109 - a path object costs a fork a tenth of a millisecond
        kernel.setns(self.pidfd, CLONE_NEWNS)
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

    def __init__(self, home: Home) -> None:
        self._home = home
        self._spare: Nest | None = None
        self._inits: set[int] = set()  # not reaped yet

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

    def lose(self, init: int) -> bool:
        """A child has ended; whether it was the first process of a nest. If of the spare, there is none."""
        if self._spare is not None and self._spare.init == init:
            self._spare.end()
            self._spare = None
        known = init in self._inits
        self._inits.discard(init)
        return known

    def inside(self, nest: Nest) -> AbstractContextManager[None]:
        """Children forked in the block live in the nest."""
        return self._home.beside(nest.pidfd)

    def _make(self) -> Nest:
        reading, writing = os.pipe()
        try:
            with self._home.outside():
                init = os.fork()
                if init == 0:
                    _keep_nest(writing)
            self._inits.add(init)
            return Nest(init, os.pidfd_open(init), reading)
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)


def _keep_nest(word: int) -> NoReturn:
    """Be the first process: set up what is seen inside, then reap what loses its parent, until killed."""
    try:
        shed(keep=(word,))
        die_with_parent_thread()
        kernel.unshare(CLONE_NEWNS)
        with contextlib.suppress(PermissionError):  # where /proc is masked, the one outside serves
            _mount_proc()
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


def _mount_proc() -> None:
    """Mount a /proc of this process's PID namespace, seen in its mount namespace only. Raises OSError."""
    kernel.mount("none", "/", None, _MS_REC | _MS_SLAVE)
    kernel.mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
