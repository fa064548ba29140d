"""Optimisation: `dspash optimize`, improve a program by examples, as a run that can be continued."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dspash.cli.command import Answer, command
from dspash.cli.completion import names_of
from dspash.cli.input_text import INPUT_FORM, read_inputs
from dspash.cli.subject import PROGRAM, opened_app, program_of
from dspash.errors import ConfigurationError

__all__ = ["optimize"]


@command
def optimize(
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
    optimizer: Annotated[str, typer.Option(help="One of DSPy's optimizers.")] = "bootstrap_fewshot",
    metric: Annotated[str, typer.Option(help="The metric, by name.")] = "exact_match",
    valset: Annotated[
        str | None,
        typer.Option(metavar="EXAMPLES", help="What candidates are judged by, where not by the same."),
    ] = None,
    config: Annotated[
        list[str] | None,
        typer.Option("--config", "-c", metavar="NAME=VALUE", help=f"For the optimizer: {INPUT_FORM}."),
    ] = None,
    seed: Annotated[int, typer.Option(help="What its choices begin with.")] = 0,
    run: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What the run is called; the same command again continues it."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Give the name to a new run, where the one that has it is another."),
    ] = False,
    lm: Annotated[str | None, typer.Option(help="The language model, in place of the settings' one.")] = None,
) -> Answer:
    """Improve a program by examples.

    What is learned becomes a new version of it. A run with a name goes on where it was interrupted, asking no model
    anything twice, and once it is done the same command shows what it has made.
    """
    given = read_inputs(config or [], option="--config")
    if run is None and force:
        raise ConfigurationError("--force", "no run is named", "give --run, too")
    trainset, judged_by = _examples_of(examples), None if valset is None else _examples_of(valset)
    with opened_app(lm=lm) as (app, _):
        improved = app.optimize(
            program_of(app, program),
            trainset,
            metric,
            optimizer,
            valset=judged_by,
            seed=seed,
            run=run,
            force=force,
            **given,
        )
        version = (
            app.programs.get(improved.name).latest_version
            if run is None
            else app.runs.get(run).result_version
        )
    told = "no score" if improved.score is None else f"score {improved.score:.1%}"
    return Answer(
        value={"program": improved.name, "version": version, "score": improved.score, "run": run},
        show=f"{improved.name} version {version}: {told}",
    )


def _examples_of(given: str) -> list[dict[str, Any]] | str:
    """The examples of a file or folder; any other text is the name of a data set."""
    from dspash.datasets import files_of, read_files

    path = Path(given).expanduser()
    if not path.exists():
        return given
    return [one.row.fields for one in read_files(files_of(path))]
