"""Runs: `dspash runs report`, `plot` and `watch`, beside the commands that every resource has."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from dspash.cli.command import Answer, command, print_json
from dspash.cli.completion import names_of
from dspash.cli.invocation import current
from dspash.errors import ConfigurationError

if TYPE_CHECKING:
    from dspash.cli.session import Session
    from dspash.reports import ChartFormat
    from dspash.resources.optimization_run import OptimizationRun

__all__ = ["COMMANDS", "follow", "plot", "report", "watch"]

LOOK_S: Final = 0.5
"""How often a watch looks for news."""

_RUN: Final = typer.Argument(
    metavar="ID|NAME", help="The run.", autocompletion=names_of("optimization_runs", "name")
)
_OVER: Final = frozenset({"completed", "failed", "cancelled", "interrupted"})
_FORMATS: Final[dict[str, ChartFormat]] = {".svg": "svg", ".png": "png"}


@command
def report(
    *,
    run: Annotated[str, _RUN],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("report.html"),
) -> Answer:
    """Write all that is known of a run into one HTML file.

    It needs no network and no other file. Its charts are drawn by matplotlib, of the extra `plots`.
    """
    from dspash.cli.session import opened
    from dspash.reports import page_of_run, read_run

    with opened() as session:
        findings = read_run(session.scene, run)
    _write(output, page_of_run(findings).encode())
    return Answer(
        value={"path": str(output), "candidates": len(findings.candidates)}, show=f"{output} is written"
    )


@command
def plot(
    *,
    run: Annotated[str, _RUN],
    output: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write: .svg or .png.")],
    chart: Annotated[str, typer.Option(help="What to draw: history, effort or latency.")] = "history",
) -> Answer:
    """Draw one chart of a run: its scores, what they took, or how long models took to answer."""
    from dspash.cli.session import opened
    from dspash.reports import draw_chart, read_run

    if output.suffix not in _FORMATS:
        problem = f"{output.suffix or 'a name without an ending'} is no format of charts"
        raise ConfigurationError(str(output), problem, f"end it in one of {', '.join(_FORMATS)}")
    with opened() as session:
        findings = read_run(session.scene, run)
    drawn = draw_chart(findings, chart, _FORMATS[output.suffix])
    if drawn is None:
        problem = f"run {run} has nothing yet that it could show"
        raise ConfigurationError("--chart", problem, "wait until it has, or draw another")
    _write(output, drawn)
    return Answer(value={"path": str(output), "chart": chart}, show=f"{output} is written")


@command
def watch(*, run: Annotated[str, _RUN]) -> Answer:
    """Tell what a run does, a line for each change, until it is over or Ctrl-C; the run itself goes on."""
    from dspash.cli.session import opened

    with opened() as session:
        try:
            for told in follow(session, run, wait=_wait):
                _tell(told)
        except KeyboardInterrupt:
            pass  # that is how one ends it
    return Answer()


def follow(session: Session, run: str, *, wait: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """How a run stands, and again whenever that has changed, until it is over or `wait` says no.

    Each time its status, how many candidates it has tried, the best score of these, what it told last, and its own score
    once it has one. Raises NotFoundError.
    """
    from dspash.resources.optimization_run import OptimizationRun

    runs, before = session.scene.of(OptimizationRun), None
    while True:
        record = runs.get(run)
        now = _standing(record)
        if now != before:
            yield now
        if record.status in _OVER or not wait():
            return
        before = now


COMMANDS: Final[tuple[Callable[..., Any], ...]] = (report, plot, watch)


def _standing(record: OptimizationRun) -> dict[str, Any]:
    from dspash.reports.candidate import best_of, candidates_of

    candidates = candidates_of(record.trials)
    best = best_of(candidates)
    return {
        "status": record.status,
        "candidates": len(candidates),
        "best": None if best is None else best.score,
        "progress": record.progress,
        "score": record.score,
        "error": record.error,
    }


def _tell(told: dict[str, Any]) -> None:
    from dspash.cli.printable import printable

    if current().as_json:
        print_json(told)
        return
    parts = [told["status"], f"{told['candidates']} candidates"]
    if told["best"] is not None:
        parts.append(f"best {told['best']:.1%}")
    match cast("dict[str, object]", told["progress"]):
        case {"kind": "example", "done": int(done), "total": int(total)}:
            parts.append(f"example {done} of {total}")
        case _:
            pass
    if told["score"] is not None:
        parts.append(f"score {told['score']:.1%}")
    if told["error"] is not None:
        parts.append(told["error"])
    typer.echo(printable("  ".join(parts)))


def _wait() -> bool:
    time.sleep(LOOK_S)
    return True


def _write(path: Path, content: bytes) -> None:
    """Write the file whole or not at all. Raises ConfigurationError."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            partial.write_bytes(content)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        problem = f"it cannot be written: {error.strerror}"
        raise ConfigurationError(str(path), problem, "name a file in a folder that is there") from None
