"""Faults run: a storm, then a long life in miniature, judged."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.bars import Verdict
from benchmarks.leaks import LeakReport, check_leaks
from benchmarks.machine import Machine, describe_machine
from benchmarks.storm import Plan, StormReport, run_storm

__all__ = ["FaultsRun", "run_faults"]

_GROWTH_MIB: Final = 5.0
_SHOWN: Final = 50  # violations printed; the JSON has them all


@dataclass(frozen=True, slots=True)
class FaultsRun:
    """What the storm and the leak check found."""

    machine: Machine
    storm: StormReport
    leaks: LeakReport

    @property
    def verdicts(self) -> list[Verdict]:
        """The two promises, judged."""
        return [
            Verdict(
                "no outcome lost or doubled, no process, thread, descriptor or temporary file left",
                f"{len(self.storm.violations)} violations in {self.storm.steps:,} steps",
                not self.storm.violations,
            ),
            Verdict(
                f"host memory grows by at most {_GROWTH_MIB:g} MiB over calls and restarts",
                f"{self.leaks.growth_mib:+.1f} MiB over {self.leaks.calls:,} calls and {self.leaks.restarts:,} restarts",
                self.leaks.growth_mib <= _GROWTH_MIB,
            ),
        ]

    @property
    def bars_met(self) -> bool:
        """Whether both promises held."""
        return all(verdict.met for verdict in self.verdicts)

    def print(self, console: Console) -> None:
        """Print what happened and what it means."""
        console.print(str(self.machine), highlight=False, soft_wrap=True)
        for violation in self.storm.violations[:_SHOWN]:
            console.print(violation, style="red", highlight=False, markup=False, soft_wrap=True)
        for report in (self.storm, self.leaks):
            console.print(str(report), highlight=False, soft_wrap=True)
        for verdict in self.verdicts:
            mark = "[green]met   [/]" if verdict.met else "[red]missed[/]"
            console.print(f"{mark} {verdict.bar}: {verdict.measured}", highlight=False, soft_wrap=True)

    def to_map(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "machine": asdict(self.machine),
            "storm": asdict(self.storm),
            "leaks": asdict(self.leaks),
            "bars": [asdict(verdict) for verdict in self.verdicts],
        }


def run_faults(*, console: Console, plan: Plan, calls: int, restarts: int) -> FaultsRun:
    """Carry out the storm, then the leak check. `console` shows how far they are."""
    machine = describe_machine()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        storm_task = progress.add_task(f"storm, seed {plan.seed}", total=plan.steps)
        storm = run_storm(plan, on_step=lambda step: progress.update(storm_task, completed=step + 1))
        leak_task = progress.add_task("leak check", total=None)
        leaks = check_leaks(
            calls=calls, restarts=restarts, on_step=lambda what: progress.update(leak_task, description=what)
        )
    return FaultsRun(machine, storm, leaks)
