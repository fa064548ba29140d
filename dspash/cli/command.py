"""Command: a function as a command, with the options every command has and one way of answering."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dspash.cli.exit_status import ExitStatus
from dspash.cli.invocation import current

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Answer", "command", "print_json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command has to say: `value` to programs, as JSON; `show` to people, as text or on a console.

    An answer without a value has been told already, piece by piece.
    """

    value: Any = None
    show: str | Callable[[Console], None] = ""
    status: ExitStatus = ExitStatus.DONE


_PIPE_WIDTH: Final = 10_000  # into a pipe or file nothing is cut or folded: whatever reads it wants all of it

_JSON: Final = inspect.Parameter(
    "as_json",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")],
)
_DEBUG: Final = inspect.Parameter(
    "debug",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[
        bool, typer.Option("--debug", help="On errors, show tracebacks and what the worker said.")
    ],
)


def command(function: Callable[..., Answer]) -> Callable[..., ExitStatus]:
    """Give `function` the options `--json` and `--debug`, and have its answer printed; it returns the exit status.

    All arguments of `function` are keyword arguments, annotated as Typer reads them.
    """

    @functools.wraps(function)
    def run(*, as_json: bool, debug: bool, **arguments: Any) -> ExitStatus:
        invocation = current()
        invocation.debug |= debug
        invocation.as_json |= as_json
        return _tell(function(**arguments))

    shown = inspect.signature(function, eval_str=True)
    setattr(run, "__signature__", shown.replace(parameters=[*shown.parameters.values(), _JSON, _DEBUG]))  # noqa: B010
    run.__annotations__ = {}  # Typer would read them before the signature
    del run.__wrapped__
    return run


def print_json(value: Any) -> None:
    """Print `value` as one line of JSON on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


def _tell(answer: Answer) -> ExitStatus:
    if current().as_json:
        if answer.value is not None:
            print_json(answer.value)
    elif isinstance(answer.show, str):
        if answer.show:
            typer.echo(answer.show)
    else:
        from rich.console import Console

        console = Console(highlight=False)
        if not console.is_terminal:
            console = Console(highlight=False, width=_PIPE_WIDTH)
        answer.show(console)
    return answer.status
