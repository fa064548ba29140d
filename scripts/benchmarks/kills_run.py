"""Kills run: hosts that are killed while they execute, judged."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.bars import Verdict
from benchmarks.kills import Kills, KillsReport, run_kills
from benchmarks.machine import Machine, describe_machine

__all__ = ["KillsRun", "run_kills_and_judge"]


@dataclass(frozen=True, slots=True)
class KillsRun:
    """What became of the database and of the processes."""

    machine: Machine
    report: KillsReport

    @property
    def verdicts(self) -> list[Verdict]:
        """The promise, judged."""
        report = self.report
        return [
            Verdict(
                "nothing acknowledged is missing, no run is left running, the audit is whole, no process is left",
                f"{len(report.wrong)} things wrong after {report.hosts:,} hosts",
                not report.wrong,
            )
        ]

    @property
    def bars_met(self) -> bool:
        """Whether the promise held."""
        return all(verdict.met for verdict in self.verdicts)

    def print(self, console: Console) -> None:
        """Print what happened and what it means."""
        console.print(str(self.machine), highlight=False, soft_wrap=True)
        for line in self.report.wrong:
            console.print(line, style="red", highlight=False, markup=False, soft_wrap=True)
        ends = ", ".join(f"{count:,} {status}" for status, count in sorted(self.report.ends.items()))
        console.print(
            f"{self.report.hosts:,} hosts killed in {self.report.seconds:.0f} s: "
            f"{self.report.acknowledged:,} executions and changes acknowledged; runs: {ends}",
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
            "kills": asdict(self.report),
            "bars": [asdict(verdict) for verdict in self.verdicts],
        }


def run_kills_and_judge(*, console: Console, hosts: int, seed: int, database: str | None) -> KillsRun:
    """Kill so many; `database` is a path or URL, None a new file that goes afterwards. `console` shows how far it is."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with _place(database) as place, Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("hosts", total=hosts)
        report = run_kills(
            Kills(place, hosts, seed), on_host=lambda number: progress.update(task, completed=number)
        )
    return KillsRun(describe_machine(), report)


@contextmanager
def _place(database: str | None) -> Generator[str]:
    if database is not None:
        yield database
        return
    with tempfile.TemporaryDirectory(prefix="dspash-kills-") as folder:
        yield str(Path(folder) / "records.db")
