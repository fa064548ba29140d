"""Demo: `dspash demo`, the main job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dspash.cli.invocation import debug_option, json_option
from dspash.errors import ConfigurationError

if TYPE_CHECKING:
    from dspash.demo import Report, Task

__all__ = ["demo"]


@click.command
@click.option(
    "--task",
    "kind",
    type=click.Choice(["qa", "intents"]),
    default="qa",
    show_default=True,
    help="Answer multi-hop questions, or tell intents.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="For qa: official HotPotQA files, train.json and dev.json, instead of the package's own questions. "
    "For intents: train.jsonl and dev.jsonl, such as BANKING77, with a text and an intent on each line.",
)
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Worker processes.")
@click.option("--lm", default="offline", show_default=True, help="The language model; offline is no LLM.")
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Orders the training examples and chooses the questions.",
)
@json_option("End with one line of JSON on stdout; everything else goes to stderr.")
@debug_option
def demo(*, kind: str, data: Path | None, workers: int, lm: str, seed: int, as_json: bool) -> int:
    """Evaluate a program, optimise it with BootstrapFewShot, evaluate it again, ask it three questions.

    The programs run in supervised workers; SimplifiedBaleen, which answers questions in two hops, searches passages
    with a tool of this process.
    """
    from rich.console import Console

    from dspash.demo import RunOptions, print_heading, print_report, run_task, stages_on

    task = _task(kind, data)
    console = Console(stderr=as_json)
    print_heading(task, console)
    report = run_task(task, RunOptions(workers=workers, lm=lm, seed=seed), stages_on(console))
    print_report(report, console)
    if as_json:
        settings = {"lm": lm, "workers": workers, "seed": seed}
        click.echo(json.dumps({**report.to_map(), **settings}))
    return _status_of(report)


def _task(kind: str, data: Path | None) -> Task:
    from dspash.demo import hotpotqa_questions, own_questions, read_intents

    if kind == "intents":
        if data is None:
            way_out = "give --data DIR, a folder with train.jsonl and dev.jsonl"
            raise ConfigurationError("--task intents", "there are no intents in the package", way_out)
        return read_intents(data)
    return own_questions() if data is None else hotpotqa_questions(data)


def _status_of(report: Report) -> int:
    """Return 0 only if every example ran; say so if not."""
    if not report.errors:
        return 0
    click.echo(
        f"dspash demo: {len(report.errors)} runs of the program failed; the first: {report.errors[0]}",
        err=True,
    )
    return 1
