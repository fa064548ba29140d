"""Measured run: what one run of a benchmark found, held against its bars."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from rich.console import Console

from benchmarks.bars import Verdict
from benchmarks.isolation.amounts import Measured
from benchmarks.machine import Machine, describe_machine

__all__ = ["Bar", "MeasuredRun", "take"]


@dataclass(frozen=True, slots=True)
class Bar:
    """What is promised of the measure of this name; `met` judges its value, in its unit."""

    measure: str
    text: str
    met: Callable[[float], bool]


@dataclass(frozen=True)
class MeasuredRun:
    """Everything one run found out. A subclass names its bars."""

    BARS: ClassVar[tuple[Bar, ...]] = ()

    machine: Machine
    measured: list[Measured]

    @property
    def verdicts(self) -> list[Verdict]:
        """Every bar that was measured, judged."""
        found = {measured.name: measured for measured in self.measured}
        return [
            Verdict(bar.text, str(found[bar.measure]).partition(": ")[2], bar.met(found[bar.measure].value))
            for bar in self.BARS
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


def take(
    console: Console, measures: Iterable[Callable[[Callable[[str], None]], Iterable[Measured]]]
) -> tuple[Machine, list[Measured]]:
    """Carry the measures out, one after the other, each telling its steps. `console` shows what is going on meanwhile."""
    machine = describe_machine()
    measured: list[Measured] = []
    with console.status("starting") as status:
        for measure in measures:
            measured += measure(status.update)
    return machine, measured
