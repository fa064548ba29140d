"""Traces run: what traces cost, judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console

from benchmarks.bars import Verdict
from benchmarks.isolation.amounts import Measured
from benchmarks.machine import Machine, describe_machine
from benchmarks.tracing import TraceAmounts, measure_finding, measure_overhead, measure_writing

__all__ = ["TracesRun", "run_traces"]


@dataclass(frozen=True, slots=True)
class _Bar:
    measure: str
    text: str
    met: Callable[[float], bool]


_BARS: Final = (
    _Bar(
        "traced module / untraced",
        "a traced call of a module ≤ 1.15 × an untraced one",
        lambda value: value <= 1.15,
    ),
    _Bar(
        "traced program / untraced",
        "a traced call of a program ≤ 1.15 × an untraced one",
        lambda value: value <= 1.15,
    ),
    _Bar("executions written", "≥ 3,000 rows/s sustained on SQLite", lambda value: value >= 3_000),
    _Bar("list, p95 of all", "list with filter, sort and page ≤ 30 ms p95", lambda value: value <= 0.030),
)


@dataclass(frozen=True, slots=True)
class TracesRun:
    """Everything one run found out."""

    machine: Machine
    measured: list[Measured]

    @property
    def verdicts(self) -> list[Verdict]:
        """Every bar that was measured, judged."""
        found = {measured.name: measured for measured in self.measured}
        return [
            Verdict(bar.text, str(found[bar.measure]).partition(": ")[2], bar.met(found[bar.measure].value))
            for bar in _BARS
            if bar.measure in found
        ]

    @property
    def bars_met(self) -> bool:
        """Whether no bar that was measured is missed."""
        return all(verdict.met for verdict in self.verdicts)

    def print(self, console: Console) -> None:
        """Print what was measured and what it means."""
        console.print(str(self.machine), highlight=False, soft_wrap=True)
        for measured in self.measured:
            console.print(f"  {measured}", highlight=False, soft_wrap=True)
        for verdict in self.verdicts:
            mark = "[green]met   [/]" if verdict.met else "[red]missed[/]"
            console.print(f"{mark} {verdict.bar}: {verdict.measured}", highlight=False, soft_wrap=True)

    def to_map(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "machine": asdict(self.machine),
            "measured": [asdict(measured) for measured in self.measured],
            "bars": [asdict(verdict) for verdict in self.verdicts],
        }


def run_traces(*, console: Console, amounts: TraceAmounts) -> TracesRun:
    """Measure. `console` shows what is going on meanwhile."""
    machine = describe_machine()
    measured: list[Measured] = []
    with console.status("starting") as status:
        for measure in (measure_overhead, measure_writing, measure_finding):
            measured += measure(amounts, status.update)
    return TracesRun(machine, measured)
