"""Fuzz run: a campaign of hostile frames, judged."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.bars import Verdict
from benchmarks.fuzz import Campaign, FuzzReport, run_campaign
from benchmarks.machine import Machine, describe_machine

__all__ = ["FuzzRun", "run_fuzz"]

_GROWTH_MIB: Final = 8.0


@dataclass(frozen=True, slots=True)
class FuzzRun:
    """What the campaign found."""

    machine: Machine
    report: FuzzReport
    wanted: int

    @property
    def verdicts(self) -> list[Verdict]:
        """The promises, judged."""
        report = self.report
        return [
            Verdict(
                "each frame ends its own call or worker at most; no exception escapes, no thread ends, all is let go of",
                f"{len(report.violations)} violations in {report.frames:,} frames",
                not report.violations and report.frames >= self.wanted,
            ),
            Verdict(
                f"host memory grows by at most {_GROWTH_MIB:g} MiB",
                f"{report.growth_mib:+.1f} MiB over {report.trials:,} workers",
                report.growth_mib <= _GROWTH_MIB,
            ),
        ]

    @property
    def bars_met(self) -> bool:
        """Whether the promises held."""
        return all(verdict.met for verdict in self.verdicts)

    def print(self, console: Console) -> None:
        """Print what happened and what it means."""
        console.print(str(self.machine), highlight=False, soft_wrap=True)
        for violation in self.report.violations:
            console.print(violation, style="red", highlight=False, markup=False, soft_wrap=True)
        console.print(str(self.report), highlight=False, soft_wrap=True)
        for name, count in self.report.counts.items():
            console.print(f"  {count:>9,}  {name}", highlight=False, markup=False)
        for verdict in self.verdicts:
            mark = "[green]met   [/]" if verdict.met else "[red]missed[/]"
            console.print(f"{mark} {verdict.bar}: {verdict.measured}", highlight=False, soft_wrap=True)

    def to_map(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "machine": asdict(self.machine),
            "report": asdict(self.report),
            "bars": [asdict(verdict) for verdict in self.verdicts],
        }


def run_fuzz(*, console: Console, campaign: Campaign) -> FuzzRun:
    """Carry the campaign out. `console` shows how far it is."""
    machine = describe_machine()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    wanted = 0 if campaign.only is not None else campaign.frames
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"frames, seed {campaign.seed}", total=wanted or None)
        report = run_campaign(campaign, on_step=lambda frames: progress.update(task, completed=frames))
    return FuzzRun(machine, report, wanted)
