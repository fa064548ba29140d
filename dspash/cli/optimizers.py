"""Optimizers on the command line: which of DSPy's there are, and what each can be told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from dspash.cli.command import Answer, command

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["COMMANDS", "describe", "types"]


@command
def types() -> Answer:
    """List the optimizers of DSPy's that there are, with what each does and needs."""
    from dspash.resources.optimizer_types import optimizer_types

    found = [one.summary() for one in optimizer_types().values()]

    def show(console: Console) -> None:
        from dspash.cli.table import print_table

        print_table(
            console,
            ["optimizer", "also", "what it does"],
            [[one["name"], ", ".join(one["aliases"]), one["doc"]] for one in found],
        )

    return Answer(value=found, show=show)


@command
def describe(
    *,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="One of DSPy's optimizers, or one that is kept.")
    ],
) -> Answer:
    """Show what an optimizer can be told: its parameters, what they take, defaults and meanings.

    Of an optimizer that is kept under a name, what that sets is shown in place of the defaults.
    """
    from dspash.cli.session import opened

    with opened() as session:
        found = cast("Mapping[str, Any]", session.collection("optimizers").describe(type=name))
    return Answer(value=dict(found), show=lambda console: _show(console, found))


def _show(console: Console, found: Mapping[str, Any]) -> None:
    from dspash.cli.table import print_table

    notes = {
        "takes a teacher": found["takes_teacher"],
        "learns from a metric's feedback": found["wants_feedback"],
        "needs no metric": not found["needs_metric"],
        "what it makes stays in its worker": not found["portable"],
    }
    console.print(f"{found['name']} (DSPy's {found['class']}): {found['doc']}", highlight=False, markup=False)
    if told := [note for note, holds in notes.items() if holds]:
        console.print("; ".join(told), highlight=False, markup=False)
    own: Mapping[str, Any] = found.get("config", {})
    rows = [[one["name"], _takes(one), _value(one, own), one["doc"]] for one in found["parameters"]]
    print_table(console, ["parameter", "takes", "value" if own else "default", "meaning"], rows)
    for name, why in found["refused"].items():
        console.print(f"not taken: {name} ({why})", highlight=False, markup=False)


def _takes(parameter: Mapping[str, Any]) -> str:
    return " or ".join([*map(json.dumps, parameter["options"]), *parameter["kinds"]]) or "any"


def _value(parameter: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    if parameter["name"] in own:
        return json.dumps(own[parameter["name"]], ensure_ascii=False)
    return "required" if parameter["required"] else json.dumps(parameter["default"])


COMMANDS: Final[tuple[Callable[..., Any], ...]] = (types, describe)
