"""Ledger: every call of a storm, and whether it ended exactly once, with an outcome that was its own."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.storm.deeds import Deed
from dspash import errors

__all__ = ["AMBIENT", "Entry", "Expectation", "Ledger"]

AMBIENT: Final = (
    errors.WorkerLostError,
    errors.CallTimeoutError,
    errors.OverloadedError,
    errors.UnavailableError,
)
"""What may become of any call while workers die and stand still around it."""

_LATE_S: Final = 5.0
"""Past its deadline a call counts as lost: far more than any overshoot, even on a busy machine."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """How a call may end: with its token, if `answers`; with one of `failures`, whose text then names it if `named`."""

    answers: bool = True
    failures: tuple[type[errors.DspashError], ...] = ()
    named: bool = False

    @classmethod
    def of(cls, deed: Deed) -> Expectation:
        """What may become of `deed` when nothing else happens."""
        return _EXPECTED.get(deed, cls())


_LOST: Final = Expectation(answers=False)
_EXPECTED: Final[dict[Deed, Expectation]] = {
    Deed.RAISE: Expectation(answers=False, failures=(errors.ProgramError,), named=True),
    Deed.QUIT: Expectation(answers=False, failures=(errors.ProgramError,), named=True),
    Deed.UNSERIALISABLE: Expectation(answers=False, failures=(errors.UnserialisableError,)),
    Deed.OVERSIZED: Expectation(answers=False, failures=(errors.FrameTooLargeError,)),
    Deed.HANG: _LOST,
    Deed.LOOP: _LOST,
    Deed.DROP: _LOST,
    Deed.HALF: _LOST,
    Deed.EXIT: _LOST,
    Deed.SEGFAULT: _LOST,
    Deed.ORPHAN: _LOST,
}
"""Deeds that do not simply answer."""


@dataclass(slots=True, eq=False)
class Entry:
    """One call. `read` finds the token in its answer; `endings` counts how often its future reported an end."""

    token: str
    what: str
    step: int
    timeout_s: float
    read: Callable[[Any], Any]
    expected: Expectation
    future: Future[Any] = field(default_factory=Future[Any])
    due_at: float = 0.0
    cancelled: bool = False
    endings: int = 0


@dataclass(slots=True)
class Ledger:
    """Takes calls from one thread and their endings from any. What breaks a rule is put into `violations`."""

    violations: list[str] = field(default_factory=list[str])
    outcomes: Counter[str] = field(default_factory=Counter[str])
    closing: bool = False
    """Whether calls may end because the app is being closed."""
    _open: dict[str, Entry] = field(default_factory=dict[str, Entry])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def open(self) -> list[Entry]:
        """Calls that have not ended, oldest first."""
        with self._lock:
            return list(self._open.values())

    def enter(self, entry: Entry, future: Future[Any]) -> None:
        """Take a call that was made just now, with its future."""
        entry.future = future
        entry.due_at = time.monotonic() + entry.timeout_s
        with self._lock:
            self._open[entry.token] = entry
        future.add_done_callback(lambda future: self._end(entry, future))

    def refuse(
        self, what: str, step: int, error: BaseException, *, allowed: tuple[type[BaseException], ...]
    ) -> None:
        """Note a call that was not taken: there is no outcome to wait for, only its reason to judge."""
        self.outcomes[type(error).__name__] += 1
        if not isinstance(error, (*AMBIENT, *allowed)):
            self.violate(f"step {step}: {what} was refused with {error!r}")

    def settle(self, step: int) -> None:
        """Wait until every open call has ended; those that do not in time are lost."""
        for entry in self.open:
            try:
                entry.future.exception(max(0.0, entry.due_at + _LATE_S - time.monotonic()))
            except CancelledError:
                continue
            except TimeoutError:
                self.violate(
                    f"step {step}: call {entry.token} ({entry.what}, step {entry.step}) was lost: no outcome "
                    f"{_LATE_S:g} s after its deadline"
                )
                with self._lock:
                    self._open.pop(entry.token, None)

    def check_runs(self, runs: Iterable[str]) -> None:
        """Check that no call ran twice; `runs` are the tokens that programs have noted down."""
        for token, count in Counter(runs).items():
            if count > 1:
                self.violate(f"call {token} ran {count} times")

    def violate(self, text: str) -> None:
        """Put down a broken rule."""
        with self._lock:
            self.violations.append(text)

    def _end(self, entry: Entry, future: Future[Any]) -> None:
        entry.endings += 1
        with self._lock:
            known = self._open.pop(entry.token, None) is not None
        if entry.endings > 1:
            self.violate(f"call {entry.token} ({entry.what}) ended {entry.endings} times")
        if known:
            problem = self._judge(entry, future)
            if problem:
                self.violate(f"step {entry.step}: call {entry.token} ({entry.what}) {problem}")

    def _judge(self, entry: Entry, future: Future[Any]) -> str:
        """What is wrong with this outcome; empty when nothing is."""
        try:
            answer = future.result(0)
        except (CancelledError, errors.CallCancelledError):
            self.outcomes["cancelled"] += 1
            return "" if entry.cancelled else "was cancelled by nobody"
        except BaseException as error:  # noqa: BLE001 - whatever a caller may catch is judged
            self.outcomes[type(error).__name__] += 1
            return self._judge_error(entry, error)
        self.outcomes["answered"] += 1
        if not entry.expected.answers:
            return f"was answered: {answer!r:.80}"
        try:
            token = entry.read(answer)
        except (LookupError, TypeError):
            return f"got an answer without a token: {answer!r:.80}"
        return "" if token == entry.token else f"got somebody else's answer: {answer!r:.80}"

    def _judge_error(self, entry: Entry, error: BaseException) -> str:
        if isinstance(error, AMBIENT) or (self.closing and isinstance(error, errors.ClosedError)):
            return ""
        if not isinstance(error, entry.expected.failures):
            return f"failed with {error!r:.300}"
        return (
            ""
            if not entry.expected.named or entry.token in str(error)
            else f"got another's error: {error!r:.300}"
        )
