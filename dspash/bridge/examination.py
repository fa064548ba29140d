"""Examinations: one worker of each kind of sandbox is examined before any other is given something to run."""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from loguru import logger

from dspash.errors import DspashError
from dspash.sandbox import plan_for
from dspash.sandbox.selftest import examine

if TYPE_CHECKING:
    from dspash.bridge.forked import ForkedProcess
    from dspash.bridge.mailbox import Mailbox
    from dspash.bridge.pump import Pump
    from dspash.bridge.zygote import Zygote
    from dspash.sandbox import ZygoteSpec

__all__ = ["Examinations", "OnExamined"]

END_S: Final = 5.0  # from a SIGKILL to its zygote's word of it
JOIN_S: Final = 5.0

OnExamined: TypeAlias = "Callable[[DspashError | None], None]"

_passed: Final[set[ZygoteSpec]] = set()  # once a process is enough: nothing that is examined changes


@dataclass(slots=True)
class _Examination:
    zygote: Zygote
    worker: ForkedProcess
    channel: socket.socket
    on_examined: OnExamined
    thread: threading.Thread | None = None
    problem: DspashError | None = None


class Examinations:
    """Has newborn workers examined, each by a thread of its own, as that talks to one and waits. On the mailbox's thread."""

    def __init__(self, pump: Pump, mailbox: Mailbox) -> None:
        self._pump = pump
        self._mailbox = mailbox
        self._running: list[_Examination] = []

    def __repr__(self) -> str:
        return f"<Examinations running={len(self._running)}>"

    def are_due(self, spec: ZygoteSpec) -> bool:
        """Whether workers of this kind have yet to prove that they are confined."""
        return spec.tier.is_sandbox and _kind_of(spec) not in _passed

    def begin(self, zygote: Zygote, on_examined: OnExamined) -> None:
        """Have `zygote` fork a worker and that examined. `on_examined` is called later on the mailbox's thread, with None
        or with what was found; not after `close`. Raises OSError, ConfigurationError when it cannot begin.
        """
        worker, channel = zygote.fork(plan_for(zygote.spec))
        examination = _Examination(zygote, worker, channel, on_examined)
        run = functools.partial(self._run, examination)
        examination.thread = threading.Thread(target=run, name="dspash-examination", daemon=True)
        self._running.append(examination)
        examination.thread.start()

    def close(self) -> None:
        """End what runs."""
        running, self._running = self._running, []
        for examination in running:
            with contextlib.suppress(OSError):
                examination.channel.shutdown(socket.SHUT_RDWR)
        for examination in running:
            self._let_go(examination)

    def _run(self, examination: _Examination) -> None:
        """In the examination's own thread."""
        try:
            spec = examination.zygote.spec
            examine(examination.channel, spec.tier, trade=spec.trade)
        except DspashError as error:
            examination.problem = error
        finally:
            examination.channel.close()
            examination.worker.kill()
            examination.worker.wait(END_S)
            examination.worker.stderr.read_rest()
            self._mailbox.cast(functools.partial(self._end, examination))

    def _end(self, examination: _Examination) -> None:
        if examination not in self._running:
            return
        self._running.remove(examination)
        self._let_go(examination)
        if examination.problem is None:
            _passed.add(_kind_of(examination.zygote.spec))
        else:
            last_words = "\n".join(examination.worker.stderr.lines)
            logger.error("{}\n{}", examination.problem, last_words)
        examination.on_examined(examination.problem)

    def _let_go(self, examination: _Examination) -> None:
        if examination.thread is not None:
            examination.thread.join(JOIN_S)
        self._pump.run(functools.partial(_release, examination.worker, self._pump))


def _release(worker: ForkedProcess, pump: Pump) -> None:
    worker.unwatch(pump)
    worker.close()


def _kind_of(spec: ZygoteSpec) -> ZygoteSpec:
    """What the confinement of its workers depends on."""
    return replace(spec, mounts=(), environment=())
