"""Nursery: keeps one zygote of each kind that is wanted, and has it fork workers."""

from __future__ import annotations

import functools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from loguru import logger

from dspash.bridge.examination import Examinations
from dspash.bridge.zygote import Zygote, ZygoteState
from dspash.errors import DspashError
from dspash.supervision import Intensity, StartFailed

if TYPE_CHECKING:
    import socket

    from dspash.bridge.forked import ForkedProcess
    from dspash.bridge.mailbox import Mailbox
    from dspash.bridge.pump import Pump
    from dspash.sandbox import ZygoteSpec
    from dspash_protocol.birth import ConfinementPlan

__all__ = ["NoZygoteError", "Nursery", "OnFailed", "OnStarted"]

MOST_BIRTHS: Final = 1000
LONGEST_LIFE_S: Final = 3600.0
"""All forks of one zygote have its memory layout: what one learns of it serves against the others. So it is replaced."""

TRY_AGAIN_S: Final = 30.0  # after zygotes that did not come up, or too many that died
MOST_FAILED_STARTS: Final = 2  # one after the other, of a kind that has been up before
DEATHS: Final = Intensity(max_restarts=3, period_s=10.0)

OnStarted: TypeAlias = "Callable[[ForkedProcess, socket.socket], None]"
OnFailed: TypeAlias = Callable[[Exception], None]


class NoZygoteError(OSError):
    """No zygote of this kind comes up here; the text says why. Another attempt is made after TRY_AGAIN_S."""


@dataclass(slots=True)
class _Birth:
    """A worker that is wanted and waits for its zygote."""

    plan: ConfinementPlan
    on_started: OnStarted
    on_failed: OnFailed


@dataclass(slots=True)
class _Kind:
    """The zygotes of one spec: the one that forks, and the one that is to take its place."""

    present: Zygote | None = None
    successor: Zygote | None = None
    waiting: deque[_Birth] = field(default_factory=deque[_Birth])
    deaths: list[float] = field(default_factory=list[float])  # when zygotes died
    has_served: bool = False  # whether one has ever been up: then another can be
    failed_starts: int = 0  # since one was up
    not_before: float = 0.0  # when a zygote may be started again
    problem: str = ""  # why not earlier


class Nursery:
    """Zygotes by spec, made on first need and replaced when they are used up or dead. On the mailbox's thread."""

    def __init__(self, pump: Pump, mailbox: Mailbox, *, boot_timeout_s: float) -> None:
        self._pump = pump
        self._mailbox = mailbox
        self._boot_timeout_s = boot_timeout_s
        self._kinds: dict[ZygoteSpec, _Kind] = {}
        self._leaving: list[Zygote] = []
        self._examinations = Examinations(pump, mailbox)
        self._closed = False

    def __repr__(self) -> str:
        return f"<Nursery kinds={len(self._kinds)} leaving={len(self._leaving)}>"

    @property
    def zygotes(self) -> tuple[Zygote, ...]:
        """All that have not ended; from any thread."""
        present = [
            zygote for kind in self._kinds.values() for zygote in (kind.present, kind.successor) if zygote
        ]
        return (*present, *self._leaving)

    def spawn(
        self, spec: ZygoteSpec, plan: ConfinementPlan, on_started: OnStarted, on_failed: OnFailed
    ) -> None:
        """Have a worker forked. `on_started` is given it, being born, and our end of its channel: at once if a zygote is
        up, otherwise when one is. What is sent on the channel waits there for the worker. The first of a kind of sandbox
        also waits until another like it was examined.

        `on_failed` is given an OSError when the machine lacks something, NoZygoteError when no zygote comes up, and what
        `zygote_command` raises. A birth that fails later is told as the worker's end.
        """
        kind = self._kinds.setdefault(spec, _Kind())
        birth = _Birth(plan, on_started, on_failed)
        if kind.present is None:
            self._start(spec, kind, birth)
        elif kind.present.state is ZygoteState.UP and not self._examinations.are_due(spec):
            self._fork(kind, kind.present, birth)
        else:
            kind.waiting.append(birth)

    def close(self) -> None:
        """End every zygote and with it its workers; what waits is forgotten."""
        self._closed = True
        self._examinations.close()
        for zygote in self.zygotes:
            zygote.close()
        self._kinds.clear()
        self._leaving.clear()

    def let_go(self) -> None:
        """Close every socket without a word; for a forked copy of the host, whose original goes on."""
        for zygote in self.zygotes:
            zygote.let_go()

    # --- on the way ---

    def _start(self, spec: ZygoteSpec, kind: _Kind, birth: _Birth) -> None:
        if self._closed:
            birth.on_failed(NoZygoteError("the nursery is closed"))
        elif time.monotonic() < kind.not_before:
            birth.on_failed(NoZygoteError(kind.problem))
        else:
            try:
                kind.present = self._open(spec)
            except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits to be told
                birth.on_failed(error)
            else:
                kind.waiting.append(birth)

    def _open(self, spec: ZygoteSpec) -> Zygote:
        return Zygote(
            spec,
            pump=self._pump,
            mailbox=self._mailbox,
            boot_timeout_s=self._boot_timeout_s,
            on_up=self._on_up,
            on_gone=self._on_gone,
        )

    def _fork(self, kind: _Kind, zygote: Zygote, birth: _Birth) -> None:
        try:
            process, sock = zygote.fork(birth.plan)
        except ConnectionError:
            kind.waiting.append(
                birth
            )  # it is dead, as will be heard: then the next one's, or told why there is none
            return
        except Exception as error:  # noqa: BLE001 - as above
            birth.on_failed(error)
            return
        birth.on_started(process, sock)
        age_s = time.monotonic() - zygote.started_at
        if zygote.births >= MOST_BIRTHS or age_s >= LONGEST_LIFE_S:
            self._replace(kind, zygote)

    def _replace(self, kind: _Kind, zygote: Zygote) -> None:
        """Start the one that takes its place; until that is up, the old one goes on."""
        if kind.successor is None and not self._closed and time.monotonic() >= kind.not_before:
            try:
                kind.successor = self._open(zygote.spec)
            except (OSError, DspashError) as error:
                self._put_off(kind, f"could not be started: {error}")

    def _on_up(self, zygote: Zygote) -> None:
        kind = self._kinds[zygote.spec]
        kind.has_served, kind.failed_starts = True, 0
        if zygote is kind.successor:
            kind.successor, before = None, kind.present
            kind.present = zygote
            if before is not None:
                self._leaving.append(before)
                before.quit()
        if self._examinations.are_due(zygote.spec):
            try:
                self._examinations.begin(zygote, functools.partial(self._on_examined, zygote))
            except (OSError, DspashError) as error:
                self._refuse(kind, zygote, error)
        else:
            self._serve_waiting(kind, zygote)

    def _serve_waiting(self, kind: _Kind, zygote: Zygote) -> None:
        while kind.waiting and zygote.state is ZygoteState.UP:
            self._fork(kind, zygote, kind.waiting.popleft())

    def _on_examined(self, zygote: Zygote, problem: DspashError | None) -> None:
        kind = self._kinds[zygote.spec]
        if zygote is not kind.present or zygote.state is not ZygoteState.UP:
            return  # it died meanwhile; another takes its place, and is examined
        if problem is None:
            self._serve_waiting(kind, zygote)
        else:
            self._refuse(kind, zygote, problem)

    def _refuse(self, kind: _Kind, zygote: Zygote, problem: Exception) -> None:
        """Workers of this kind are not confined, or nobody knows: let nothing run in them."""
        waiting, kind.waiting = kind.waiting, deque()
        for birth in waiting:
            birth.on_failed(problem)
        zygote.kill(StartFailed(str(problem)))

    def _on_gone(self, zygote: Zygote) -> None:
        if zygote in self._leaving:
            self._leaving.remove(zygote)
            return
        kind = self._kinds[zygote.spec]
        why = _describe(zygote)
        if zygote is kind.successor:
            kind.successor = None
            self._put_off(kind, why)
            return
        kind.present = None
        now = time.monotonic()
        if not zygote.was_up and not self._may_start_again(kind):
            self._put_off(kind, why)
        elif DEATHS.forbids(kind.deaths, now):
            self._put_off(kind, f"died too often, at last it {why}")
        else:
            logger.warning("a zygote {}; the next birth starts another", why)
        kind.deaths = [*(at for at in kind.deaths if now - at <= DEATHS.period_s), now]
        waiting, kind.waiting = kind.waiting, deque()
        for birth in waiting:
            self._start(zygote.spec, kind, birth)

    def _may_start_again(self, kind: _Kind) -> bool:
        """Whether a zygote that did not come up is taken for an accident, such as a lack of memory. Counts it."""
        kind.failed_starts += 1
        return kind.has_served and kind.failed_starts <= MOST_FAILED_STARTS

    def _put_off(self, kind: _Kind, problem: str) -> None:
        kind.not_before = time.monotonic() + TRY_AGAIN_S
        kind.problem = f"its zygote {problem}"


def _describe(zygote: Zygote) -> str:
    reason = "ended" if zygote.end is None else zygote.end.describe()
    last = zygote.process.stderr.lines[-1:]
    return f"{reason}: {last[0]}" if last else reason
