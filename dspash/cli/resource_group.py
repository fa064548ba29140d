"""ResourceGroup: the group of one resource's commands, which are made when one of them is asked for."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import typer
from typer.core import TyperGroup

from dspash.cli.grouping import grouped

__all__ = [
    "ALIASES",
    "INDEX_FILE",
    "ResourceEntry",
    "ResourceGroup",
    "make_index",
    "read_index",
    "special_commands",
]

INDEX_FILE: Final = Path(__file__).with_name("resource_index.json")
_SPECIAL: Final = {
    "optimization-runs": "dspash.cli.runs",
    "optimizers": "dspash.cli.optimizers",
    "programs": "dspash.cli.programs",
    "traces": "dspash.cli.traces",
}
"""Modules with COMMANDS of a resource that its description does not have; they replace those of the same name."""


ALIASES: Final[dict[str, str]] = {"runs": "optimization-runs"}
"""Shorter words for a resource's commands, which help does not list twice."""


@dataclass(frozen=True, slots=True)
class ResourceEntry:
    """One resource among the commands: what is typed, and what help says of it."""

    command: str
    summary: str


def read_index() -> list[ResourceEntry]:
    """The resources there are, without loading any: help is to be quick."""
    return [ResourceEntry(**entry) for entry in json.loads(INDEX_FILE.read_text(encoding="utf-8"))]


def make_index(description: Mapping[str, Any]) -> str:
    """The text of the index file, from `Domain.describe()`; scripts/generate writes it."""
    from dspash.cli.domain import read_domain

    entries = [
        {"command": command, "summary": form.doc.splitlines()[0]}
        for command, form in read_domain(description).items()
    ]
    return json.dumps(entries, ensure_ascii=False, indent=2) + "\n"


class ResourceGroup(TyperGroup):
    """The group of `entry`. Typer asks it for its commands only when it is used."""

    def __init__(self, entry: ResourceEntry, **settings: Any) -> None:
        super().__init__(name=entry.command, help=entry.summary, rich_markup_mode=None, **settings)
        self._entry = entry

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            raise typer.Exit
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self._made)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return self._made.get(cmd_name)

    @cached_property
    def _made(self) -> Mapping[str, Any]:
        made = grouped(_functions(self._entry.command)).commands
        self.commands = made  # those that Typer suggests for a misspelt one
        return made


def _functions(name: str) -> dict[str, Callable[..., Any]]:
    from dspash.cli.domain import read_resource, table_name
    from dspash.cli.resource_commands import commands_of
    from dspash.resources import DOMAIN

    form = read_resource(DOMAIN.describe_resource(table_name(name)))
    return {**commands_of(form), **special_commands(name)}


def special_commands(name: str) -> dict[str, Callable[..., Any]]:
    """The commands of a resource that are written by hand, by what is typed."""
    from dspash.cli.domain import command_name

    if name not in _SPECIAL:
        return {}
    written = importlib.import_module(_SPECIAL[name]).COMMANDS
    return {command_name(function.__name__): function for function in written}
