"""Programs: those commands of programs that show more than a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from dspash.cli.command import Answer, command
from dspash.cli.completion import names_of

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["COMMANDS", "diff"]

_STYLES: Final = {"+": "green", "-": "red"}


@command
def diff(
    *,
    program: Annotated[
        str,
        typer.Argument(metavar="ID|NAME", help="The program.", autocompletion=names_of("programs", "name")),
    ],
    before: Annotated[int | None, typer.Option(metavar="NUMBER", help="The earlier version.")] = None,
    after: Annotated[int | None, typer.Option(metavar="NUMBER", help="The later version.")] = None,
) -> Answer:
    """Show what two versions differ in.

    Source, instructions and demos of each predictor, settings. Without numbers: the newest, and the version that it was
    made of.
    """
    from dspash.cli.session import opened

    with opened(runs_programs=True) as session:
        found = cast(
            "Mapping[str, Any]", session.collection("programs").diff(program, before=before, after=after)
        )
    return Answer(value=dict(found), show=lambda console: _show(console, found))


def _show(console: Console, found: Mapping[str, Any]) -> None:
    from rich.text import Text

    from dspash.cli.printable import printable

    console.print(Text(f"{found['before']} -> {found['after']}", style="bold"))
    for line in str(found["text"]).splitlines() or ["no difference"]:
        console.print(Text(printable(line), style=_STYLES.get(line[:1], "")), soft_wrap=True)


COMMANDS: Final[tuple[Callable[..., Any], ...]] = (diff,)
