"""Run: `dspash run`, a program on one set of inputs or on many."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dspash.cli.command import Answer, command, print_json
from dspash.cli.exit_status import ExitStatus
from dspash.cli.input_text import INPUT_FORM, STDIN, opened_rows, read_inputs
from dspash.cli.subject import PROGRAM, opened_app, program_of
from dspash.errors import ConfigurationError, DspashError

if TYPE_CHECKING:
    from dspash.app import App, Prediction, Program

__all__ = ["run"]


@command
def run(
    *,
    program: Annotated[str, PROGRAM],
    rows: Annotated[
        str | None,
        typer.Argument(metavar="[-]", help="A dash: rows of inputs come from stdin, as with --file -."),
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", "-i", metavar="NAME=VALUE", help=INPUT_FORM + ".")
    ] = None,
    file: Annotated[
        str | None, typer.Option(metavar="ROWS", help="JSON maps of inputs, one a line; - is stdin.")
    ] = None,
    timeout_s: Annotated[float | None, typer.Option(metavar="SECONDS", help="What one run may take.")] = None,
    lm: Annotated[str | None, typer.Option(help="The language model, in place of the settings' one.")] = None,
) -> Answer:
    """Run a program once, or on every row of a file.

    Rows are run side by side and answered in order, each by one line of JSON: its index, and the outputs or the error.
    """
    source = _rows_of(rows, file)
    if source is not None and inputs:
        raise ConfigurationError("--input", "rows are given, too", "give either")
    if source is None:
        given = read_inputs(inputs or [])
        with opened_app(lm=lm, timeout_s=timeout_s) as (app, _):
            prediction = app.run(program_of(app, program), given)
            return Answer(value=_map_of(prediction), show=_text_of(prediction))
    with opened_rows(source) as read, opened_app(lm=lm, timeout_s=timeout_s) as (app, settings):
        return _run_rows(app, program_of(app, program), read, settings.workers * settings.concurrency)


def _rows_of(argument: str | None, option: str | None) -> str | None:
    if argument is None:
        return option
    if argument != STDIN:
        raise ConfigurationError(f"{argument!r:.60}", "only - may stand there", "name a file with --file")
    if option not in (None, STDIN):
        raise ConfigurationError("--file", "rows come from stdin already", "give either")
    return argument


def _run_rows(app: App, program: Program, rows: Iterator[dict[str, Any]], side_by_side: int) -> Answer:
    failed = total = 0
    with ThreadPoolExecutor(side_by_side, thread_name_prefix="dspash-run") as threads:
        waiting = _submitted(threads, app, program, rows, most=2 * side_by_side)
        for index, outcome in enumerate(waiting):
            error = outcome.exception()
            total += 1
            if error is None:
                print_json({"index": index, **_map_of(outcome.result())})
            elif isinstance(error, DspashError):
                failed += 1
                print_json({"index": index, "error": {"type": type(error).__name__, "message": str(error)}})
            else:
                raise error
    typer.echo(f"{total} rows: {total - failed} done, {failed} failed", err=True)
    return Answer(status=ExitStatus.FAILED if failed else ExitStatus.DONE)


def _submitted(
    threads: ThreadPoolExecutor, app: App, program: Program, rows: Iterable[dict[str, Any]], *, most: int
) -> Iterator[Future[Prediction]]:
    """The outcome of every row in order; no more than `most` are begun before the first of them is taken.

    Where the rows break off with an error, those before it come first, and then the error.
    """
    left, broken = iter(rows), None
    begun: deque[Future[Prediction]] = deque()
    while True:
        try:
            while broken is None and len(begun) < most:
                begun.append(threads.submit(app.run, program, next(left)))
        except StopIteration as end:
            broken = end
        except ConfigurationError as error:
            broken = error
        if not begun:
            break
        yield begun.popleft()
    if isinstance(broken, ConfigurationError):
        raise broken


def _map_of(prediction: Prediction) -> dict[str, Any]:
    return {"outputs": dict(prediction), "usage": prediction.usage_of_lm}


def _text_of(prediction: Prediction) -> str:
    from dspash.cli.printable import printable

    return "\n".join(f"{name}: {printable(str(value))}" for name, value in prediction.items())
