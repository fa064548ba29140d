"""Zygote: one process that forks workers for this host, as the host sees it: from its start until it is reaped."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from loguru import logger

from dspash.bridge.channel import SOCKET_BUFFER_BYTES
from dspash.bridge.control import Control
from dspash.bridge.descendants import MARK
from dspash.bridge.forked import ForkedProcess
from dspash.bridge.launch import PARENT, end_unborn
from dspash.bridge.process import Group, Namespace, Process, ProcessEnd
from dspash.bridge.stderr_tail import StderrTail
from dspash.sandbox import Tier, ZygoteCommand, zygote_command
from dspash.supervision import ExitReason, Hung, ProtocolBroken, StartFailed, ZygoteLost
from dspash_protocol import InvalidPayloadError
from dspash_protocol.birth import (
    Born,
    ConfinementPlan,
    Ended,
    FromZygote,
    Quit,
    Spawn,
    Stillborn,
    Up,
)

if TYPE_CHECKING:
    from dspash.bridge.mailbox import Mailbox
    from dspash.bridge.pump import Pump
    from dspash.sandbox import ZygoteSpec

__all__ = ["Zygote", "ZygoteState"]

BIRTH_S: Final = 10.0  # a birth takes some ms; a machine that swaps may need longer
END_TOLD_S: Final = 10.0  # from a worker's end to the zygote's word of it, which takes less than 1 ms
SECOND_LOOK_S: Final = 2.0  # between the look that finds it late and the one that ends it
REASON_S: Final = 0.2  # from the end of its socket to its own, so that its own reason is told
REAP_S: Final = 5.0  # after a SIGKILL; only a process stuck in the kernel takes longer
MARK_BYTES: Final = 8


class ZygoteState(StrEnum):
    """Where a zygote is in its life. It only ever goes down this list."""

    STARTING = "starting"
    UP = "up"
    LEAVING = "leaving"  # it forks no more, and ends with its last worker
    GONE = "gone"


class Zygote:
    """Starts one, has it fork, and is told of every birth and every end. On the mailbox's thread, which started it: the
    kernel ends it when that thread does.

    `on_up` and `on_gone` are called once each, in this order, on that thread; `on_up` not if it never comes up.
    """

    def __init__(
        self,
        spec: ZygoteSpec,
        *,
        pump: Pump,
        mailbox: Mailbox,
        boot_timeout_s: float,
        on_up: Callable[[Zygote], None],
        on_gone: Callable[[Zygote], None],
    ) -> None:
        """Start it. Raises OSError when that cannot be done, else what zygote_command does; nothing is left then."""
        self.spec = spec
        self.state = ZygoteState.STARTING
        self.births = 0
        self.started_at = time.monotonic()
        self.was_up = False
        self.end: ExitReason | None = None
        """Why it ended; None until it has."""
        self._pump = pump
        self._mailbox = mailbox
        self._on_up = on_up
        self._on_gone = on_gone
        self._nests = False  # whether it can give workers namespaces of their own
        self._unborn: dict[int, ForkedProcess] = {}
        self._alive: dict[int, ForkedProcess] = {}
        self._why: ExitReason | None = None  # ours for ending it
        with contextlib.ExitStack() as undo:
            self._command = command = undo.enter_context(zygote_command(spec))
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._control = Control(ours)
            undo.callback(self._control.close)
            self.process = _start(command, theirs, trusted=spec.tier is Tier.PROCESS)
            undo.pop_all()
        pump.run(self._watch)
        too_late = StartFailed(f"its zygote was not up within {boot_timeout_s:g} s")
        mailbox.cast_after(boot_timeout_s, functools.partial(self._end_unless, self._is_up, too_late))

    def __repr__(self) -> str:
        return f"<Zygote {self.spec.tier} {self.process.pid} {self.state} births={self.births}>"

    # --- what it is told to do, on the mailbox's thread ---

    def fork(self, plan: ConfinementPlan) -> tuple[ForkedProcess, socket.socket]:
        """Have it fork a worker; return that, which is being born, and our end of its channel.

        Raises OSError when descriptors or room in the socket are lacking; nothing is left then.
        """
        if plan.init and not self._nests:
            plan = replace(plan, init=False, layers=frozenset())
        mark = "" if plan.layers else secrets.token_hex(MARK_BYTES)
        number = self.births + 1
        with contextlib.ExitStack() as undo, contextlib.ExitStack() as given_away:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            undo.callback(ours.close)
            given_away.callback(theirs.close)
            for end in (ours, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
            stderr_read, stderr_write = os.pipe()
            given_away.callback(os.close, stderr_write)
            worker = ForkedProcess(StderrTail(stderr_read), mark)
            undo.callback(worker.close)
            self._unborn[number] = worker
            undo.callback(self._unborn.pop, number, None)
            self._control.send(Spawn(number, plan, mark), (theirs.fileno(), stderr_write))
            undo.pop_all()
        self.births = number
        silent = Hung(BIRTH_S)
        self._mailbox.cast_after(
            BIRTH_S, functools.partial(self._end_unless, lambda: number not in self._unborn, silent)
        )
        return worker, ours

    def quit(self) -> None:
        """Have it fork no more, and end once its last worker has."""
        if self.state in (ZygoteState.STARTING, ZygoteState.UP):
            self.state = ZygoteState.LEAVING
            with contextlib.suppress(OSError):  # then it is going anyway
                self._control.send(Quit())

    def kill(self, why: ExitReason) -> None:
        """End it, and with it all its workers."""
        self._why = self._why or why
        self.process.kill()

    def close(self) -> None:
        """End it, reap it, and let go of everything. `on_gone` is not called. Its workers are to be closed by their owners."""
        if self.state is not ZygoteState.GONE:
            self.process.kill()
            self._bury()

    def let_go(self) -> None:
        """Close the socket without a word; for a forked copy of the host, whose original goes on."""
        self._control.close()

    # --- what it says, on the pump's thread ---

    def _watch(self) -> None:
        self._pump.watch(self._control.fileno(), self._on_word)
        self._pump.watch(self.process.stderr.fileno(), self._on_stderr)

    def _on_stderr(self, _events: int) -> None:
        if not self.process.stderr.read():
            self._pump.unwatch(self.process.stderr.fileno())

    def _on_word(self, _events: int) -> None:
        try:
            while (heard := self._control.receive()) is not None:
                self._take(*heard)
        except BlockingIOError:
            return
        except InvalidPayloadError as error:
            self._why = self._why or ProtocolBroken(str(error))
        self._pump.unwatch(self._control.fileno())
        self._mailbox.cast(self._lose)

    def _take(self, message: FromZygote, descriptors: Sequence[int]) -> None:
        match message:
            case Up():
                self._mailbox.cast(functools.partial(self._come_up, message))
            case Born(id=number, pid=pid) if number in self._unborn and descriptors:
                # In this order, so that it can be found at any time.
                worker = self._alive[pid] = self._unborn[number]
                del self._unborn[number]
                worker.born(descriptors)
                self._pump.watch(worker.fileno(), functools.partial(self._on_end, worker, pid))
                return
            case Stillborn(id=number, problem=problem) if number in self._unborn:
                self._unborn.pop(number).lost(StartFailed(f"its zygote could not fork it: {problem}"))
            case Ended(pid=pid) if pid in self._alive:
                self._alive.pop(pid).ended(message)
            case _:
                logger.debug("a zygote speaks of what nobody knows: {}", message)
        for descriptor in descriptors:
            os.close(descriptor)

    def _on_end(self, worker: ForkedProcess, pid: int, _events: int) -> None:
        """A worker has ended: its zygote has yet to say how."""
        self._pump.unwatch(worker.fileno())
        told = functools.partial(self._has_told_end, worker, pid)
        self._mailbox.cast_after(END_TOLD_S, functools.partial(self._end_unless, told, Hung(END_TOLD_S)))

    # --- its own end, on the mailbox's thread ---

    def _come_up(self, up: Up) -> None:
        for problem in up.problems:
            logger.warning("a zygote does without: {}", problem)
        self._nests = self.spec.tier is Tier.PROCESS and self._command.info is not None and not up.problems
        self.was_up = True
        if self.state is ZygoteState.STARTING:
            self.state = ZygoteState.UP
            self._on_up(self)

    def _is_up(self) -> bool:
        return self.state is not ZygoteState.STARTING

    def _has_told_end(self, worker: ForkedProcess, pid: int) -> bool:
        return self._alive.get(pid) is not worker

    def _end_unless(self, holds: Callable[[], bool], why: ExitReason) -> None:
        """Look twice before it is ended: if all stood still, as when a machine sleeps, it has yet to speak and be heard."""
        if self.state is ZygoteState.GONE or holds():
            return
        again = functools.partial(self._end_now_unless, holds, why)
        self._pump.run(functools.partial(self._mailbox.cast_after, SECOND_LOOK_S, again))

    def _end_now_unless(self, holds: Callable[[], bool], why: ExitReason) -> None:
        if self.state is not ZygoteState.GONE and not holds():
            logger.warning("a zygote is ended: {}", why.describe())
            self.kill(why)

    def _lose(self) -> None:
        """It speaks no more: see it end, and tell its workers."""
        if self.state is ZygoteState.GONE:
            return
        if self.process.wait(REASON_S) is None:
            self.process.kill()
        self._bury()
        self._on_gone(self)

    def _bury(self) -> None:
        was_leaving = self.state is ZygoteState.LEAVING
        self.state = ZygoteState.GONE
        found: ProcessEnd | None = self.process.wait(REAP_S)
        self.process.stderr.read_rest()
        self.end = self._why or found or ProtocolBroken("it does not end, even when killed")
        lines = self.process.stderr.lines
        if not was_leaving and lines:
            logger.debug("the last words of a zygote:\n{}", "\n".join(lines))
        self._pump.run(functools.partial(self._release, ZygoteLost(self.end.describe())))

    def _release(self, end: ZygoteLost) -> None:
        self._pump.unwatch(self._control.fileno())
        self._pump.unwatch(self.process.stderr.fileno())
        self._control.close()
        self.process.close()
        self._command.close()
        for workers in (self._unborn, self._alive):
            while workers:
                workers.popitem()[1].lost(end)


def _start(command: ZygoteCommand, theirs: socket.socket, *, trusted: bool) -> Process:
    """Start the process that `command` describes. Raises OSError."""
    wrapped = command.info is not None
    mark = "0" * (2 * MARK_BYTES)  # as long as those of its workers, who write theirs over it
    environment = command.environment
    if not wrapped:
        environment = {**environment, PARENT: str(os.getpid()), MARK: mark}
    arguments = ("--control", str(theirs.fileno()), *_needs(trusted=trusted, wrapped=wrapped))
    with contextlib.ExitStack() as undo:
        stderr_read, stderr_write = os.pipe()
        stderr = StderrTail(stderr_read)
        undo.callback(stderr.close)
        try:
            popen = subprocess.Popen(
                (*command.argv, *arguments),
                stdin=subprocess.DEVNULL,
                stdout=stderr_write,
                stderr=stderr_write,
                env=environment,
                cwd=command.cwd,
                pass_fds=(*command.pass_fds, theirs.fileno()),
                start_new_session=True,  # signals from the host's terminal are the host's to handle
            )
        finally:
            os.close(stderr_write)
            theirs.close()
            command.started()
        popen.returncode = 0  # so that it leaves the reaping to us
        held_by = Namespace(popen.pid, None, None) if wrapped else Group(popen.pid, mark)
        undo.callback(end_unborn, popen.pid, held_by.END)
        process = Process(popen.pid, os.pidfd_open(popen.pid), held_by, stderr)
        undo.pop_all()
    return process


def _needs(*, trusted: bool, wrapped: bool) -> tuple[str, ...]:
    """What the zygote is to be able to do, as its arguments say it."""
    if not trusted:
        return ("--sandbox",)
    return ("--nests",) if wrapped else ()
