"""Evaluation: `dspash eval`, how well a program does on examples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dspash.cli.command import Answer, command
from dspash.cli.completion import names_of
from dspash.cli.exit_status import ExitStatus
from dspash.cli.subject import PROGRAM, opened_app, program_of
from dspash.errors import ConfigurationError, NotFoundError

if TYPE_CHECKING:
    from rich.console import Console

    from dspash.app import Evaluation

__all__ = ["evaluate"]

_SHOWN_ERRORS: Final = 5


@command
def evaluate(
    *,
    program: Annotated[str, PROGRAM],
    examples: Annotated[
        str,
        typer.Argument(
            metavar="EXAMPLES",
            help="A file of examples, JSON lines or CSV, or a folder of them; or a dataset, or one of its sets.",
            autocompletion=names_of("datasets", "name"),
        ),
    ],
    metric: Annotated[str, typer.Option(help="The metric, by name.")] = "exact_match",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many examples, the first ones.")] = None,
    fail_under: Annotated[
        float | None, typer.Option(min=0, max=1, metavar="SCORE", help="Fail where the score is lower.")
    ] = None,
    allow_failures: Annotated[
        int, typer.Option(min=0, metavar="COUNT", help="Examples that may fail without failing the command.")
    ] = 0,
    example_timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="What each example gets; one that takes longer has failed."),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a row an example: .csv, .jsonl, .md or .parquet."),
    ] = None,
    lm: Annotated[str | None, typer.Option(help="The language model, in place of the settings' one.")] = None,
) -> Answer:
    """Score a program on examples.

    It is run on every one. An example is a map of the program's inputs and the outputs that are expected. One that fails counts 0.
    """
    _check_export(export)
    devset = _examples_of(examples, limit)
    with opened_app(lm=lm) as (app, _):
        runnable = program_of(app, program)
        try:
            found = app.evaluate(runnable, devset, metric, example_timeout_s=example_timeout)
        except NotFoundError:
            raise _unknown(examples) from None
        if export is not None and found.id is not None:  # its record, always kept here, has the examples, too
            app.evaluations.export(found.id, path=str(export))
    errors = [f"example {one.index}: {one.error}" for one in found.results if one.error is not None]
    reached = fail_under is None or found.score >= fail_under
    return Answer(
        value={**_map_of(found), "metric": metric},
        show=lambda console: _show(console, found, metric, errors),
        status=ExitStatus.DONE if reached and len(errors) <= allow_failures else ExitStatus.FAILED,
    )


def _check_export(export: Path | None) -> None:
    """Before anything is paid for: raises ConfigurationError for a file that could not be written."""
    from dspash.scoring import EXPORT_SUFFIXES

    if export is None:
        return
    if export.suffix.lower() not in EXPORT_SUFFIXES:
        problem = "its name has not the ending of a format"
        raise ConfigurationError(str(export), problem, f"end it in one of {', '.join(EXPORT_SUFFIXES)}")
    if not export.expanduser().parent.is_dir():
        raise ConfigurationError(str(export), "its folder is not there", "make it, or name another")


def _examples_of(given: str, limit: int | None) -> list[dict[str, Any]] | str:
    """The examples in files, or the first of a dataset; all of a dataset by its name, which is then kept with the score."""
    path = Path(given).expanduser()
    if path.exists():
        read = _read_files(path, limit)
    elif limit is None:
        return given
    else:
        read = _read_dataset(given)[:limit]
    if not read:
        raise ConfigurationError(given, "it holds no examples", "give one or more")
    return read


def _read_files(path: Path, limit: int | None) -> list[dict[str, Any]]:
    from itertools import islice

    from dspash.datasets import files_of, read_files

    return [one.row.fields for one in islice(read_files(files_of(path)), limit)]


def _read_dataset(name: str) -> list[dict[str, Any]]:
    """The examples of a dataset that is kept: all of `questions`, or one set of them, `questions/dev`."""
    from dspash.cli.session import opened
    from dspash.resources.examples import examples_from

    with opened() as session:
        try:
            return examples_from(session.scene, name, "$.examples").rows
        except NotFoundError:
            raise _unknown(name) from None


def _unknown(name: str) -> ConfigurationError:
    problem = "there is no such file, and no such dataset"
    return ConfigurationError(name, problem, "dspash datasets list says which there are")


def _map_of(found: Evaluation) -> dict[str, Any]:
    interval = found.interval()
    return {
        "id": None if found.id is None else str(found.id),
        "score": found.score,
        "interval": None if interval is None else interval.to_map(),
        "total": found.total,
        "correct": found.correct,
        "failed": found.failed,
        "results": [
            {
                "index": one.index,
                "score": one.score,
                "outputs": None if one.prediction is None else dict(one.prediction),
                "error": one.error,
            }
            for one in found.results
        ],
    }


def _show(console: Console, found: Evaluation, metric: str, errors: list[str]) -> None:
    from dspash.cli.printable import printable

    told = f"{metric} {found.score:.1%} on {found.total} examples: {found.correct} correct, {found.failed} failed"
    console.print(told, markup=False)
    if (interval := found.interval()) is not None:
        console.print(f"{interval.level:.0%} between {interval.low:.1%} and {interval.high:.1%}", style="dim")
    for line in errors[:_SHOWN_ERRORS]:
        console.print(printable(line), markup=False, soft_wrap=True)
    if len(errors) > _SHOWN_ERRORS:
        console.print(f"and {len(errors) - _SHOWN_ERRORS} more; --json has them all", style="dim")
