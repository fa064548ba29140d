"""Display: a run as people see it — its stages as they go, what was answered, one closing table."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dspash.demo.report import Answered, Kept, Report
from dspash.demo.stage import Stage
from dspash.demo.task import Task

__all__ = ["Display", "LineDisplay", "LiveDisplay", "print_heading", "print_report", "stages_on"]

REFRESHES_A_SECOND: Final = 8
BAR_WIDTH: Final = 12


class Display(Protocol):
    """Shows the stages of one run, one after another."""

    def showing(self, stage: Stage) -> AbstractContextManager[None]:
        """Show `stage` from now until the block's end."""
        ...


def stages_on(console: Console) -> Display:
    """Return the display that suits the console: live where lines can be redrawn, else a line for each stage."""
    return (
        LiveDisplay(console) if console.is_terminal and not console.is_dumb_terminal else LineDisplay(console)
    )


class LineDisplay:
    """Prints one line when a stage has ended."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def showing(self, stage: Stage) -> Generator[None]:
        yield
        counts = [] if stage.total is None else [f"{stage.done}/{stage.total}"]
        score = [] if stage.score is None else [f"score {stage.score:.1%}"]
        told = ", ".join([*counts, *score, f"{stage.lm_calls} LM calls", f"{stage.elapsed_s:.1f} s"])
        self._console.out(f"{stage.title}: {told}", highlight=False)


class LiveDisplay:
    """Redraws one row a stage while it runs; the rows stay."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def showing(self, stage: Stage) -> Generator[None]:
        with Live(
            get_renderable=lambda: _row(stage),
            console=self._console,
            refresh_per_second=REFRESHES_A_SECOND,
        ):
            yield


def _row(stage: Stage) -> Table:
    row = Table.grid(padding=(0, 1))
    for width in (18, BAR_WIDTH):
        row.add_column(width=width)
    for width in (9, 12, 14, 8):  # with the columns before and the space between, 78: a plain terminal has 80
        row.add_column(width=width, justify="right", no_wrap=True)
    row.add_row(
        stage.title,
        "" if stage.total is None else ProgressBar(stage.total, stage.done, width=BAR_WIDTH),
        "" if stage.total is None else f"{stage.done}/{stage.total}",
        "" if stage.score is None else f"score {stage.score:.1%}",
        f"{stage.lm_calls} LM calls",
        f"{stage.elapsed_s:.1f} s",
    )
    return row


def print_heading(task: Task, console: Console) -> None:
    """Print what is going to be worked on."""
    examples = f"{len(task.trainset)} examples to learn from, {len(task.devset)} to be judged on"
    console.out(f"{task.title}: {examples}", highlight=False)


def print_report(report: Report, console: Console) -> None:
    """Print what was answered, then the closing table, then what is kept of it and how to look at it."""
    console.print()
    _print_answers(report.answers, console)
    console.print(_closing_table(report))
    if report.kept is not None:
        _print_kept(report.kept, console)


def _print_answers(answers: Sequence[Answered], console: Console) -> None:
    for one in answers:
        console.print(Text(one.asked, style="bold"))
        for name, value in one.outputs.items():
            console.print(Text(f"  {name}: {value}"))
        if one.error is not None:
            console.print(Text(f"  error: {one.error}", style="red"))
        console.print(Text(f"  expected: {one.expected}", style="dim"))
        console.print()


def _print_kept(kept: Kept, console: Console) -> None:
    console.out(f"kept in {kept.database}", highlight=False)
    if kept.made is None:
        console.out(f"{kept.program}: optimising came to nothing that was not there already", highlight=False)
    elif kept.made == kept.live:
        console.out(
            f"{kept.program}: version {kept.made} is live now; the next run begins with it", highlight=False
        )
    else:
        live = "none is live" if kept.live is None else f"version {kept.live} stays live"
        console.out(f"{kept.program}: version {kept.made} is no better, {live}", highlight=False)
    console.out("have a look:", highlight=False)
    for command in (
        f"programs diff {kept.program}",
        "runs list",
        "evaluations list",
        "traces list",
        "status",
    ):
        console.out(f"  dspash {command}", highlight=False)


def _closing_table(report: Report) -> Table:
    before, after, optimization = report.before, report.after, report.optimization
    table = Table(title=report.task, title_justify="left")
    table.add_column("")
    for heading in (report.start, "optimising", "optimised"):
        table.add_column(heading, justify="right")
    for name, score in before.scores.items():
        table.add_row(name.replace("_", " "), f"{score:.1%}", "", f"{after.scores[name]:.1%}")
    table.add_row("examples", str(before.examples), "", str(after.examples))
    calls = [cost.lm_calls for cost in (before.cost, optimization, after.cost)]
    table.add_row("LM calls", *[str(count) for count in calls])
    seconds = [cost.seconds for cost in (before.cost, optimization, after.cost)]
    table.add_row("time", *[f"{time:.1f} s" for time in seconds])
    return table
