"""CrashReport: why a supervisor gave up, for a person who has to fix it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dspash.supervision.death import Death
from dspash.supervision.history import RestartRecord
from dspash.supervision.python_stack import find_python_stack

__all__ = ["CrashReport"]

_SHOWN_LINES: Final = 50
_SHOWN_RESTARTS: Final = 10
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CrashReport:
    """The crash a supervisor gave up at, and the ones before.

    `limit` says which limit was passed, as `crash 4 within 5 s (limit 3)`. `restarts` are the supervisor's
    earlier ones, oldest first; `at_s` is when it gave up, on the same clock. Pickles.
    """

    death: Death
    limit: str
    restarts: tuple[RestartRecord, ...]
    at_s: float

    @property
    def python_stack(self) -> tuple[str, ...]:
        """The lines of the last traceback on the worker's stderr; empty if it wrote none."""
        return find_python_stack(self.death.stderr_tail)

    def summary(self) -> str:
        """One line: which child, what happened, which limit was passed."""
        death = self.death
        what = f"generation {death.generation} {self._cause()}"
        return f"child {death.child_id!r} given up at {self.limit}: {what}"

    def render(self) -> str:
        """The whole report as text of several lines, without a line break at its end."""
        return "\n".join(self._lines())

    def _cause(self) -> str:
        memory = self.death.memory_bytes
        held = "" if memory is None else f", holding {memory / _MIB:.0f} MiB when last seen"
        return f"{self.death.exit.describe()}{held}"

    def _lines(self) -> Iterator[str]:
        death = self.death
        yield self.summary()
        yield "never ready" if death.ready_s is None else f"ready for {death.ready_s:.1f} s"
        if death.in_flight:
            yield f"in flight: {', '.join(death.in_flight)}"
        yield from _section(
            "restarts before it (seconds ago, child/generation, why):",
            [
                f"{self.at_s - past.at_s:8.1f}  {past.child_id}/{past.generation} {past.exit.describe()}"
                for past in self.restarts[-_SHOWN_RESTARTS:]
            ],
        )
        yield from _section("Python stack:", self.python_stack)
        yield from _section("last lines of stderr:", death.stderr_tail[-_SHOWN_LINES:])


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield title
        yield from (f"    {line}" for line in lines)
