"""Soak run: sandboxed calls that do their worst, judged."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.bars import Verdict
from benchmarks.machine import Machine, describe_machine
from benchmarks.soak import Soak, SoakReport, run_soak

__all__ = ["SoakRun", "run_soak_and_judge"]

_GROWTH_MIB: Final = 16.0
_HAND_OFF_S: Final = 0.001
_CALLS_PER_S: Final = 150.0


@dataclass(frozen=True, slots=True)
class SoakRun:
    """What the soak found."""

    machine: Machine
    soak: Soak
    report: SoakReport

    @property
    def verdicts(self) -> list[Verdict]:
        """The promises, judged."""
        report = self.report
        return [
            Verdict(
                "each call has the one outcome it must have, whatever those beside it do",
                f"{len(report.violations)} others in {report.calls:,} calls",
                not report.violations and report.calls == self.soak.calls,
            ),
            Verdict("nothing is left of a closed app", f"{len(report.left)} things left", not report.left),
            Verdict(
                f"host memory grows by at most {_GROWTH_MIB:g} MiB",
                f"{report.growth_mib:+.1f} MiB",
                report.growth_mib <= _GROWTH_MIB,
            ),
            Verdict(
                "call on a ready worker ≤ 1 ms p50, hand-off to result",
                f"{report.handed.p50 * 1e3:.2f} ms; {report.alone.p50 * 1e3:.2f} ms for its caller",
                report.handed.p50 <= _HAND_OFF_S,
            ),
            Verdict(
                f"{_CALLS_PER_S:g} calls/s sustained, each in a worker of its own",
                f"{report.rate:.0f} calls/s",
                report.rate >= _CALLS_PER_S,
            ),
        ]

    @property
    def bars_met(self) -> bool:
        """Whether the promises held."""
        return all(verdict.met for verdict in self.verdicts)

    def print(self, console: Console) -> None:
        """Print what happened and what it means."""
        console.print(str(self.machine), highlight=False, soft_wrap=True)
        for line in (*self.report.violations, *self.report.left):
            console.print(line, style="red", highlight=False, markup=False, soft_wrap=True)
        told = ", ".join(f"{count} {name}" for name, count in self.report.outcomes.items())
        console.print(
            f"{self.report.calls:,} calls in {self.report.seconds:.0f} s: {told}",
            highlight=False,
            soft_wrap=True,
        )
        for verdict in self.verdicts:
            mark = "[green]met   [/]" if verdict.met else "[red]missed[/]"
            console.print(f"{mark} {verdict.bar}: {verdict.measured}", highlight=False, soft_wrap=True)

    def to_map(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "machine": asdict(self.machine),
            "soak": asdict(self.soak),
            "report": asdict(self.report),
            "bars": [asdict(verdict) for verdict in self.verdicts],
        }


def run_soak_and_judge(*, console: Console, soak: Soak) -> SoakRun:
    """Carry the soak out. `console` shows how far it is."""
    machine = describe_machine()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"calls, seed {soak.seed}", total=soak.calls)
        report = run_soak(soak, on_step=lambda done: progress.update(task, completed=done))
    return SoakRun(machine, soak, report)
