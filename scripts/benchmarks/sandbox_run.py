"""Sandbox run: what isolation costs, judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console

from benchmarks.bars import Verdict
from benchmarks.isolation import Amounts, measure_births, measure_calls, measure_host_kill
from benchmarks.isolation.amounts import Measured
from benchmarks.machine import Machine, describe_machine

__all__ = ["SandboxRun", "run_sandbox"]


@dataclass(frozen=True, slots=True)
class _Bar:
    measure: str
    text: str
    met: Callable[[float], bool]


_BARS: Final = (
    _Bar("birth", "birth of a sandboxed worker, request → ready, ≤ 10 ms p50", lambda value: value <= 0.010),
    _Bar("birth ratio", "birth ≤ 1.6 × the same double fork without layers", lambda value: value <= 1.6),
    _Bar("call on a spare", "call on a spare, hand-off → result, ≤ 1 ms p50", lambda value: value <= 0.001),
    _Bar("disposable calls", "150 disposable calls/s sustained", lambda value: value >= 150),
    _Bar("memory of a further worker", "≤ 12 MiB for each further worker", lambda value: value <= 12),
    _Bar("growth of a zygote", "a zygote grows by at most 2 MiB in its life", lambda value: value <= 2),
    _Bar("crash → next answer", "next call answered ≤ 10 ms after a crash", lambda value: value <= 0.010),
    _Bar(
        "host killed → nothing left",
        "nothing left ≤ 100 ms after the host's SIGKILL",
        lambda value: value <= 0.1,
    ),
)


@dataclass(frozen=True, slots=True)
class SandboxRun:
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


def run_sandbox(*, console: Console, amounts: Amounts) -> SandboxRun:
    """Measure. `console` shows what is going on meanwhile."""
    machine = describe_machine()
    measured: list[Measured] = []
    with console.status("starting") as status:
        for measure in (measure_births, measure_calls, measure_host_kill):
            measured += measure(amounts, status.update)
    return SandboxRun(machine, measured)
