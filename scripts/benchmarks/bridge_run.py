"""Bridge run: the chosen measures with the chosen contestants, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from benchmarks.arena import Arena
from benchmarks.bars import Verdict, judge
from benchmarks.figures import Figure
from benchmarks.host import ActFailedError
from benchmarks.machine import Machine, describe_machine
from benchmarks.measures.catalogue import MEASURES
from benchmarks.report import print_report, report_map
from benchmarks.scale import Scale

__all__ = ["BridgeRun", "run_bridge"]


@dataclass(frozen=True, slots=True)
class BridgeRun:
    """Everything one run found out; `titles` says what each contestant is, or why it did not take part."""

    machine: Machine
    titles: dict[str, str]
    figures: list[Figure]
    verdicts: list[Verdict]

    @property
    def bars_met(self) -> bool:
        """Whether no bar that was measured is missed."""
        return all(verdict.met for verdict in self.verdicts)

    def print(self, console: Console) -> None:
        """Print the tables."""
        print_report(console, self.machine, self.titles, self.figures, self.verdicts)

    def to_map(self) -> dict[str, Any]:
        """As JSON values."""
        return report_map(self.machine, self.titles, self.figures, self.verdicts)


def run_bridge(*, console: Console, scale: Scale, measures: Sequence[str], peers: Sequence[str]) -> BridgeRun:
    """Measure. `console` shows what is going on meanwhile."""
    machine = describe_machine()
    titles: dict[str, str] = {}
    figures: list[Figure] = []
    with console.status("starting the contestants") as status:
        needed = any(MEASURES[measure].by_contestants for measure in measures)
        with Arena(peers if needed else ()) as arena:
            _introduce(arena, titles)
            for measure in measures:
                status.update(f"measuring {measure}")
                figures += MEASURES[measure].act(arena, scale)
    return BridgeRun(machine, titles, figures, judge(figures))


def _introduce(arena: Arena, titles: dict[str, str]) -> None:
    """Start every contestant once; who cannot start leaves the arena, its reason in place of its title."""
    present: list[str] = []
    for name in arena.names:
        try:
            titles[name] = arena.enter(name).title
            present.append(name)
        except ActFailedError as error:
            titles[name] = f"did not take part: {error}"
    arena.names = tuple(present)
