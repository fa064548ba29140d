"""Batch: `dspash batch`, many optimisations that one file describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dspash.cli.command import Answer, command
from dspash.cli.exit_status import ExitStatus
from dspash.errors import InvalidInputError, Problem

if TYPE_CHECKING:
    from rich.console import Console

    from dspash.batch import BatchPlan

__all__ = ["BATCH_COMMANDS", "plan"]

_FILE: Final = typer.Argument(metavar="FILE", help="The job file, TOML.")


@command
def plan(*, file: Annotated[Path, _FILE]) -> Answer:
    """Check a job file as a whole, and show its jobs with the calls, tokens and money that each may come to.

    Nothing is asked of a model. Calls are the most of a program that asks its model once a run.
    """
    from dspash.batch import check_job_file, plan_batch, read_job_file
    from dspash.cli.session import opened
    from dspash.cli.subject import opened_app

    try:
        read = read_job_file(file)
        with opened() as session:
            batch = check_job_file(read, file.parent, session.scene)
        with opened_app(workers=1) as (app, _):
            found = plan_batch(batch, app)
    except InvalidInputError as error:
        return _refused(file, error.problems)
    return Answer(value=found.to_map(), show=lambda console: _show(console, found))


def _refused(file: Path, problems: Sequence[Problem]) -> Answer:
    """Every problem on a line of its own: an error's one line would not hold them."""
    from dspash.cli.printable import printable

    lines = [printable(f"{file}: {problem}") for problem in problems]
    return Answer(
        value={"problems": [problem.to_map() for problem in problems]},
        show="\n".join(lines),
        status=ExitStatus.BAD_INPUT,
    )


def _show(console: Console, found: BatchPlan) -> None:
    from dspash.cli.table import print_table

    told = found.to_map()
    columns = ["program", "optimizer", "dataset", "metric", "model", "seed", "calls", "tokens", "usd"]
    print_table(console, columns, [[_text(one[name]) for name in columns] for one in told["cells"]])
    console.print(_total(told), highlight=False, markup=False)


def _total(told: Mapping[str, Any]) -> str:
    total, unknown = told["total"], told["unknown"]
    line = f"{len(told['cells'])} jobs: {total['calls']:,} calls, {total['tokens']:,} tokens, {total['usd']:.2f} USD"
    if unknown["calls"]:
        line += f"; nobody can say for {unknown['calls']} of them"
    if unpriced := unknown["usd"] - unknown["calls"]:
        line += f"; no price is known for {unpriced} of them"
    return line


def _text(value: object) -> str:
    match value:
        case None:
            return "?"
        case float():
            return f"{value:.4f}"
        case _:
            return str(value)


BATCH_COMMANDS: Final[Mapping[str, Callable[..., Any]]] = {"plan": plan}
