"""Demo: `dspash demo`, the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dspash.cli.command import Answer, command
from dspash.cli.exit_status import ExitStatus
from dspash.cli.invocation import current
from dspash.errors import ConfigurationError, StoreError

if TYPE_CHECKING:
    from dspash.demo import Report, Task

__all__ = ["demo"]


@command
def demo(
    *,
    task: Annotated[
        Literal["qa", "intents"], typer.Option(help="Answer multi-hop questions, or tell intents.")
    ] = "qa",
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="For qa: official HotPotQA files, train.json and dev.json, instead of the package's own questions. "
            "For intents: train.jsonl and dev.jsonl, such as BANKING77, with a text and an intent on each line.",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes, in place of the settings' number.")
    ] = None,
    lm: Annotated[
        str | None, typer.Option(help="The language model; offline, the default, is no LLM.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Orders the training examples and chooses the questions.")] = 0,
    anew: Annotated[
        bool, typer.Option("--anew", help="Begin with the plain program, whatever earlier runs have made.")
    ] = False,
) -> Answer:
    """Evaluate, optimise and evaluate a program again.

    Then ask it three questions. The programs run in supervised workers; SimplifiedBaleen, which answers questions in
    two hops, searches passages with a tool of this process. What is made and found is kept in the database: the next run
    begins with the better program. With --json, everything but the closing line of JSON goes to stderr.
    """
    from rich.console import Console

    from dspash.demo import RunOptions, print_heading, print_report, run_task, stages_on

    settings = current().settings(workers=workers, lm=lm).values
    chosen = _task(task, data)
    console = Console(stderr=current().as_json)
    options = RunOptions(
        workers=settings.workers,
        lm=settings.lm,
        seed=seed,
        database=_database(settings.database_url),
        anew=anew,
    )
    print_heading(chosen, console)
    report = run_task(chosen, options, stages_on(console))
    print_report(report, console)
    told = {"lm": settings.lm, "workers": settings.workers, "seed": seed}
    return Answer(value={**report.to_map(), **told}, status=_status_of(report))


def _database(named: str | None) -> str | None:
    """Where the run is to be kept; None, told on stderr, where nothing was named and the usual place cannot be used."""
    from dspash.store import Store

    try:
        with Store.open(named) as store:
            return named or str(store.address.path)
    except StoreError as error:
        if named is not None:
            raise
        typer.echo(f"dspash demo: nothing is kept: {error}", err=True)
        return None


def _task(kind: str, data: Path | None) -> Task:
    from dspash.demo import hotpotqa_questions, own_questions, read_intents

    if kind == "intents":
        if data is None:
            way_out = "give --data DIR, a folder with train.jsonl and dev.jsonl"
            raise ConfigurationError("--task intents", "there are no intents in the package", way_out)
        return read_intents(data)
    return own_questions() if data is None else hotpotqa_questions(data)


def _status_of(report: Report) -> ExitStatus:
    """Done only if every example ran; says so if not."""
    if not report.errors:
        return ExitStatus.DONE
    typer.echo(
        f"dspash demo: {len(report.errors)} runs of the program failed; the first: {report.errors[0]}",
        err=True,
    )
    return ExitStatus.FAILED
