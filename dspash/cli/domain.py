"""Domain: what resources there are, as their own description says, in the form that commands are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dspash.cli.value_text import Schema

__all__ = [
    "ActionForm",
    "ArgumentForm",
    "AttributeForm",
    "ResourceForm",
    "command_name",
    "read_domain",
    "read_resource",
    "table_name",
]


@dataclass(frozen=True, slots=True)
class ArgumentForm:
    """One argument of an action."""

    name: str
    doc: str
    schema: Schema
    required: bool


@dataclass(frozen=True, slots=True)
class ActionForm:
    """One action. `takes_record`: it acts on one record, named by its id or name; `default`: every resource has it."""

    name: str
    kind: str
    doc: str
    takes_record: bool
    default: bool
    arguments: tuple[ArgumentForm, ...]


@dataclass(frozen=True, slots=True)
class AttributeForm:
    """One attribute; `kind` is what its column holds: text, integer, number, boolean, instant, uuid, bytes or json.

    `max_length` is of texts and JSON, in characters.
    """

    name: str
    doc: str
    kind: str
    indexed: bool
    sensitive: bool
    max_length: int | None
    schema: Schema


@dataclass(frozen=True, slots=True)
class ResourceForm:
    """One resource, without the actions that only dspash itself calls.

    `key` is the attribute that names a record, if one does; `state` the one that holds its state, one of `states`.
    """

    name: str
    table: str
    doc: str
    key: str | None
    state: str | None
    states: tuple[str, ...]
    attributes: tuple[AttributeForm, ...]
    actions: tuple[ActionForm, ...]


def read_domain(description: Mapping[str, Any]) -> dict[str, ResourceForm]:
    """The resources of `Domain.describe()`, by the names of their commands."""
    return {command_name(raw["table"]): read_resource(raw) for raw in description["resources"]}


def command_name(name: str) -> str:
    """A table, action or argument as it is typed."""
    return name.replace("_", "-")


def table_name(command: str) -> str:
    """The table that a command is named after."""
    return command.replace("-", "_")


def read_resource(raw: Mapping[str, Any]) -> ResourceForm:
    """One resource of `Domain.describe_resource()`."""
    machine = raw["states"]
    return ResourceForm(
        name=raw["name"],
        table=raw["table"],
        doc=raw["doc"],
        key=raw["key"],
        state=None if machine is None else machine["attribute"],
        states=() if machine is None else tuple(machine["states"]),
        attributes=tuple(
            AttributeForm(
                name=one["name"],
                doc=one["doc"],
                kind=one["kind"],
                indexed=one["indexed"],
                sensitive=one["sensitive"],
                max_length=one["max_length"],
                schema=_schema(one["schema"]),
            )
            for one in raw["attributes"]
        ),
        actions=tuple(_action(one) for one in raw["actions"] if not one["internal"]),
    )


def _action(raw: Mapping[str, Any]) -> ActionForm:
    schema: Mapping[str, Any] = raw["arguments"]
    required = schema.get("required", [])
    definitions = schema.get("$defs", {})
    return ActionForm(
        name=raw["name"],
        kind=raw["kind"],
        doc=raw["doc"],
        takes_record=raw["takes_record"],
        default=raw["default"],
        arguments=tuple(
            ArgumentForm(name, form.get("description", ""), Schema(form, definitions), name in required)
            for name, form in schema.get("properties", {}).items()
        ),
    )


def _schema(raw: Mapping[str, Any]) -> Schema:
    return Schema(raw, raw.get("$defs", {}))
