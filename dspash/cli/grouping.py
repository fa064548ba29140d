"""Grouping: functions to a group of commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import typer
from typer.core import TyperGroup

__all__ = ["grouped"]


def _show_help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def grouped(
    functions: Mapping[str, Callable[..., Any]],
    *,
    name: str | None = None,
    help: str | None = None,
    epilog: str | None = None,
    callback: Callable[..., None] = _show_help,
    add_completion: bool = False,
) -> TyperGroup:
    """The group of `functions` by the names of their commands; `callback` is called before any of them, or without."""
    app = typer.Typer(
        name=name,
        help=help,
        epilog=epilog,
        callback=callback,
        invoke_without_command=True,
        add_completion=add_completion,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,  # rich's help would take longer to load than all the rest
    )
    for typed, function in functions.items():
        app.command(typed)(function)
    group = typer.main.get_command(app)
    if not isinstance(group, TyperGroup):
        raise TypeError("Typer makes a group where there is a callback")
    return group
