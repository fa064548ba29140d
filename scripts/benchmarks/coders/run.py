"""Run: every measure with every coder, and what came of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.arena import Arena
from benchmarks.bars import Verdict
from benchmarks.coders.kinds import OURS
from benchmarks.figures import Figure, Unit, summarise
from benchmarks.host import ActFailedError
from benchmarks.machine import Machine, describe_machine
from benchmarks.report import show_figure, show_verdicts
from benchmarks.rounds import play_rounds

__all__ = ["CodersRun", "run_coders"]

_MIB: Final = 1 << 20
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_STARTED: Final = "dspy-local"  # what ratios are taken against


@dataclass(frozen=True, slots=True)
class _Measure:
    """One column: its heading, the act behind it, and how often a turn does it."""

    name: str
    heading: str
    count: int
    unit: Unit = Unit.SECONDS
    size: int = 0


_MEASURES: Final = (
    _Measure("first", "made → first value", 5),
    _Measure("scalar", "1 + 1", 300),
    _Measure("tool", "host tool", 200),
    _Measure("variable", "1 MiB text", 20, size=_MIB),
    _Measure("shutdown", "shutdown", 5),
    _Measure("memory", "one more takes", 6, Unit.BYTES),
)

_BARS: Final = (
    ("first", "first value ≤ 12 ms from construction, the zygote warm", 0.012),
    ("scalar", "warm scalar execution ≤ 0.2 ms p50", 0.0002),
    ("tool", "host-tool round trip ≤ 0.35 ms p50", 0.00035),
)


@dataclass(frozen=True, slots=True)
class CodersRun:
    """Everything one run found out; `titles` says what each coder is, or why it did not take part."""

    machine: Machine
    titles: dict[str, str]
    figures: list[Figure]
    verdicts: list[Verdict]

    @property
    def bars_met(self) -> bool:
        """Whether no bar is missed."""
        return all(verdict.met for verdict in self.verdicts)

    def print(self, console: Console) -> None:
        """Print the tables."""
        console.print(str(self.machine), highlight=False, soft_wrap=True)
        cells = {(figure.measure, figure.contestant): figure for figure in self.figures}
        table = Table(title="Code interpreters, p50", title_justify="left", title_style="bold")
        for heading in ("interpreter", "the first of all", *(measure.heading for measure in _MEASURES)):
            table.add_column(heading, justify="left" if heading == "interpreter" else "right")
        names = ("start", *(measure.name for measure in _MEASURES))
        for coder in dict.fromkeys(figure.contestant for figure in self.figures):
            table.add_row(coder, *(show_figure(cells.get((name, coder))) for name in names))
        console.print(table)
        for name, title in self.titles.items():
            console.print(f"[bold]{name}[/] {title}", highlight=False)
        show_verdicts(console, self.verdicts)

    def to_map(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "machine": asdict(self.machine),
            "interpreters": self.titles,
            "figures": [asdict(figure) for figure in self.figures],
            "bars": [asdict(verdict) for verdict in self.verdicts],
        }


def run_coders(*, console: Console, rounds: int, share: int, names: Sequence[str]) -> CodersRun:
    """Measure, in `rounds` turns of each, a `share`-th of the usual number a turn. `console` shows what is going on."""
    machine = describe_machine()
    titles: dict[str, str] = {}
    figures: list[Figure] = []
    with console.status("starting the interpreters") as status, Arena(names, role="coder") as arena:
        _introduce(arena, titles)
        figures += summarise(
            "start", Unit.SECONDS, play_rounds(arena.names, 1, _begin_anew(arena)), reference=_STARTED
        )
        for measure in _MEASURES:
            status.update(f"measuring {measure.heading}")
            turns = play_rounds(arena.names, rounds, _turn(arena, measure, share))
            figures += summarise(measure.name, measure.unit, turns, reference=_STARTED)
    return CodersRun(machine, titles, figures, _judge(figures))


def _introduce(arena: Arena, titles: dict[str, str]) -> None:
    """Start every coder once; one that cannot leaves the arena, its reason in place of its title."""
    present: list[str] = []
    for name in arena.names:
        try:
            titles[name] = arena.enter(name).title
            present.append(name)
        except ActFailedError as error:
            titles[name] = f"did not take part: {_shortened(str(error))}"
    arena.names = tuple(present)


def _shortened(reason: str) -> str:
    """Of a long reason, the lines that say what failed and why."""
    plain = _COLOUR.sub("", reason)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    telling = [line for line in lines[1:] if "error" in line.lower()]
    return " / ".join(dict.fromkeys([telling[0], telling[-1]] if telling else lines[:1]))[:300]


def _begin_anew(arena: Arena) -> Callable[[str], list[float]]:
    def turn(name: str) -> list[float]:
        arena.remove(name)
        host = arena.enter(name)
        host.do("close")
        return [host.do("start")]

    return turn


def _turn(arena: Arena, measure: _Measure, share: int) -> Callable[[str], list[float]]:
    def turn(name: str) -> list[float]:
        count = max(2, measure.count // share)
        found: Any = arena.enter(name).do(measure.name, count=count, size=measure.size)
        return found if isinstance(found, list) else [found]

    return turn


def _judge(figures: Sequence[Figure]) -> list[Verdict]:
    table = {figure.measure: figure for figure in figures if figure.contestant == OURS}
    verdicts: list[Verdict] = []
    for name, bar, limit_s in _BARS:
        figure = table.get(name)
        if figure is not None:
            met = figure.quantiles is not None and figure.quantiles.p50 <= limit_s
            verdicts.append(Verdict(bar, show_figure(figure), met))
    return verdicts
