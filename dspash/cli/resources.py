"""Resources: `dspash resources`, everything that is declared of the records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dspash.cli.command import Answer, command
from dspash.cli.completion import one_of
from dspash.cli.resource_group import read_index
from dspash.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["resources"]


def _names(incomplete: str) -> list[str]:
    return one_of([entry.command for entry in read_index()])(incomplete)


@command
def resources(
    *,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="One resource; without it, all.", autocompletion=_names),
    ] = None,
) -> Answer:
    """Show what kinds of records there are.

    The attributes, relations, states and actions of each; without a name, of all of them in short.
    """
    from dspash.resources import DOMAIN

    description = DOMAIN.describe()
    if name is None:
        return Answer(value=description, show=lambda console: _show_all(console, description))
    found = next((one for one in description["resources"] if name in _spellings(one)), None)
    if found is None:
        known = ", ".join(one["table"] for one in description["resources"])
        raise ConfigurationError(f"{name!r:.60}", "there is no such resource", f"there are {known}")
    return Answer(value=found, show=lambda console: _show_one(console, found))


def _spellings(resource: Mapping[str, Any]) -> tuple[str, str, str]:
    return resource["name"], resource["table"], resource["table"].replace("_", "-")


def _show_all(console: Console, description: Mapping[str, Any]) -> None:
    from dspash.cli.table import print_table

    rows = [
        (one["name"], one["table"].replace("_", "-"), one["doc"].splitlines()[0], _actions(one))
        for one in description["resources"]
    ]
    print_table(console, ("resource", "command", "what it is", "actions"), rows)


def _actions(resource: Mapping[str, Any]) -> str:
    return ", ".join(action["name"] for action in _offered(resource) if not action["default"]) or "-"


def _show_one(console: Console, resource: Mapping[str, Any]) -> None:
    from dspash.cli.table import print_table

    console.print(f"{resource['name']}: {resource['doc']}", markup=False)
    console.print()
    attributes = [(one["name"], _type_text(one), _marks(one), one["doc"]) for one in resource["attributes"]]
    print_table(console, ("attribute", "type", "is", "what it says"), attributes)
    if resource["relations"]:
        console.print()
        relations = [
            (one["name"], f"{one['kind']} {one['resource']}", one["by"]) for one in resource["relations"]
        ]
        print_table(console, ("relation", "to", "by"), relations)
    if resource["states"] is not None:
        console.print()
        steps = [(one["from"], one["action"], one["to"]) for one in resource["states"]["transitions"]]
        print_table(console, (resource["states"]["attribute"], "action", "leads to"), steps)
    console.print()
    actions = [
        (one["name"], ", ".join(one["arguments"].get("properties", {})) or "-", one["doc"].splitlines()[0])
        for one in _offered(resource)
    ]
    print_table(console, ("action", "arguments", "what it does"), actions)


def _offered(resource: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [action for action in resource["actions"] if not action["internal"]]


def _type_text(attribute: Mapping[str, Any]) -> str:
    return f"{attribute['kind']}?" if attribute["nullable"] else attribute["kind"]


def _marks(attribute: Mapping[str, Any]) -> str:
    marks = [mark for mark in ("required", "unique", "indexed", "sensitive") if attribute[mark]]
    if attribute["references"]:
        marks.append(f"a {attribute['references']}'s id")
    return ", ".join(marks) or "-"
