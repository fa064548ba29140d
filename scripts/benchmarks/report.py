"""Report: a run's figures as tables for people and as one JSON object for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.bars import Verdict
from benchmarks.figures import Figure, Unit
from benchmarks.machine import Machine

__all__ = ["print_report", "report_map", "show_figure", "show_verdicts"]


@dataclass(frozen=True, slots=True)
class _Column:
    measure: str
    heading: str
    quantile: str = "p50"
    ratio: bool = False


_TABLES: Final[dict[str, tuple[_Column, ...]]] = {
    "Speed, one worker": (
        _Column("start", "start → first result"),
        _Column("round_trip", "round trip p50"),
        _Column("round_trip", "p90", "p90"),
        _Column("round_trip", "p99", "p99"),
        _Column("round_trip", "× socketpair", ratio=True),
        _Column("pipelined", "pipelined"),
        _Column("pipelined", "× bare frames", ratio=True),
        _Column("echo_1m", "1 MiB echo"),
        _Column("echo_16m", "16 MiB echo"),
    ),
    "Worker killed inside a call († its caller has to make the system anew); host killed beside a busy worker": (
        _Column("crash_signal", "SIGKILL → error"),
        _Column("crash_error", "death → error"),
        _Column("crash_next", "death → next answer"),
        _Column("host_kill", "host SIGKILL → all gone"),
    ),
    "Endless call with a deadline of 0.5 s, blocked in C or looping in Python": (
        _Column("overshoot_sleep", "C: caller back late by"),
        _Column("after_deadline_sleep", "next answer after"),
        _Column("overshoot_spin", "Python: late by"),
        _Column("after_deadline_spin", "next answer after"),
    ),
    "DSPy, in turns (×: the turns of one round beside each other, in the median of all rounds)": (
        _Column("predict", "Predict p50"),
        _Column("predict", "p99", "p99"),
        _Column("predict", "× in-process", ratio=True),
        _Column("predict_reading", "with passages p50"),
        _Column("predict_reading", "× in-process", ratio=True),
        _Column("crunch", "CPU-bound Predict"),
        _Column("crunch", "× one worker", ratio=True),
        _Column("throughput", "many plain Predict"),
        _Column("throughput", "× one worker", ratio=True),
    ),
    "Import": (_Column("import", "import dspash"),),
}


def print_report(
    console: Console,
    machine: Machine,
    titles: dict[str, str],
    figures: Sequence[Figure],
    verdicts: Iterable[Verdict],
) -> None:
    """Print what was measured, table by table; a table nobody measured is left out."""
    console.print(str(machine), highlight=False, soft_wrap=True)
    for heading, columns in _TABLES.items():
        measured = {column.measure for column in columns}
        chosen = [figure for figure in figures if figure.measure in measured]
        if chosen:
            console.print(_table(heading, columns, chosen))
    for name, title in titles.items():
        console.print(f"[bold]{name}[/] {title}", highlight=False)
    show_verdicts(console, verdicts)


def report_map(
    machine: Machine, titles: dict[str, str], figures: Sequence[Figure], verdicts: Iterable[Verdict]
) -> dict[str, Any]:
    """The same as JSON; seconds and calls a second, never rounded."""
    return {
        "machine": asdict(machine),
        "contestants": titles,
        "figures": [asdict(figure) for figure in figures],
        "bars": [asdict(verdict) for verdict in verdicts],
    }


def _table(heading: str, columns: Sequence[_Column], figures: Sequence[Figure]) -> Table:
    cells = {(figure.measure, figure.contestant): figure for figure in figures}
    names = list(dict.fromkeys(figure.contestant for figure in figures))
    present = {figure.measure for figure in figures}
    table = Table(title=heading, title_justify="left", title_style="bold", header_style="not bold")
    table.add_column("system")
    shown = [column for column in columns if column.measure in present]
    for column in shown:
        table.add_column(column.heading, justify="right")
    for name in names:
        table.add_row(name, *(_cell(cells.get((column.measure, name)), column) for column in shown))
    return table


def _cell(figure: Figure | None, column: _Column) -> str:
    if figure is None:
        return ""
    if column.ratio:
        return "" if figure.ratio is None else f"{figure.ratio:.2f}"
    if figure.quantiles is None:
        return f"[dim]{figure.note}[/]" if column.quantile == "p50" else ""
    value = _value(figure.unit, getattr(figure.quantiles, column.quantile))
    note = f" [dim]{figure.note}[/]" if figure.note and column.quantile == "p50" else ""
    return value + note


def show_figure(figure: Figure | None) -> str:
    """A figure's middle, or why there is none, for a cell of a table."""
    if figure is None:
        return ""
    return figure.note if figure.quantiles is None else _value(figure.unit, figure.quantiles.p50)


def _value(unit: Unit, amount: float) -> str:
    match unit:
        case Unit.SECONDS:
            return _duration(amount)
        case Unit.BYTES:
            return f"{amount / (1 << 20):.1f} MiB"
        case Unit.CALLS_PER_SECOND:
            return f"{amount:,.0f}/s"


def _duration(seconds: float) -> str:
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.1f} µs"


def show_verdicts(console: Console, verdicts: Iterable[Verdict]) -> None:
    """Print which bars were met, and by how much."""
    table = Table(title="Bars", title_justify="left", title_style="bold", header_style="not bold")
    for heading in ("", "bar", "measured"):
        table.add_column(heading)
    for verdict in verdicts:
        mark = "[green]met[/]" if verdict.met else "[red]missed[/]"
        table.add_row(mark, verdict.bar, verdict.measured)
    if table.row_count:
        console.print(table)
