"""ResourceCommands: the commands of one resource, one for each action, made from the resource's description."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, cast

import typer

from dspash.cli.command import Answer, command
from dspash.cli.completion import names_of, one_of
from dspash.cli.domain import ActionForm, ArgumentForm, ResourceForm, command_name
from dspash.cli.filter_text import FILTER_FORM, read_filter_texts
from dspash.cli.value_text import read_value_text
from dspash.errors import ConfigurationError

__all__ = ["commands_of", "name_of"]

_TAKEN: Final = frozenset({"help", "json", "debug", "yes"})


def commands_of(form: ResourceForm) -> dict[str, Callable[..., Any]]:
    """The commands by name, as Typer takes them."""
    return {name_of(form, one): _command(form, one) for one in form.actions}


def name_of(form: ResourceForm, action: ActionForm) -> str:
    """What people type for the action: they show a record where programs get it."""
    is_free = all(other.name != "show" for other in form.actions)
    return "show" if action.name == "get" and is_free else command_name(action.name)


def _command(form: ResourceForm, action: ActionForm) -> Callable[..., Any]:
    options = {argument.name: _option_name(argument) for argument in action.arguments}

    def run(*, record: str | None = None, yes: bool = False, **typed: Any) -> Answer:
        if action.kind == "destroy" and not yes:
            _confirm(form, record)
        arguments = {
            one.name: _value_of(form, one, typed[one.name], options[one.name])
            for one in action.arguments
            if typed[one.name] not in (None, [])
        }
        return _call(form, action, record, arguments)

    parameters = [_record_parameter(form)] if action.takes_record else []
    parameters += [_parameter(one, options[one.name]) for one in action.arguments]
    if action.kind == "destroy":
        parameters.append(_YES)
    setattr(run, "__signature__", inspect.Signature(parameters))  # noqa: B010 - no attribute that type checkers know
    run.__doc__ = action.doc
    return command(run)


def _call(form: ResourceForm, action: ActionForm, record: str | None, arguments: Mapping[str, Any]) -> Answer:
    from dspash.cli.record_view import json_of, show_value
    from dspash.cli.session import opened

    target = () if record is None else (record,)
    with opened(runs_programs=not action.default) as session:
        result = getattr(session.collection(form.table), action.name)(*target, **arguments)
    return Answer(
        value={"destroyed": record} if action.kind == "destroy" else json_of(result),
        show=lambda console: show_value(console, result, form, arguments.get("select")),
    )


def _value_of(form: ResourceForm, argument: ArgumentForm, typed: Any, option: str) -> Any:
    if isinstance(typed, bool):
        return typed
    if isinstance(typed, list):
        return read_filter_texts(cast("list[str]", typed), {one.name: one.schema for one in form.attributes})
    return read_value_text(typed, argument.schema, place=option)


def _parameter(argument: ArgumentForm, option: str) -> inspect.Parameter:
    """An option; every value is text until its schema has been asked, except yes and no."""
    default = inspect.Parameter.empty if argument.required else None
    if argument.name == "filter":
        annotation: Any = Annotated[
            list[str] | None, typer.Option(option, metavar="CONDITION", help=_help(FILTER_FORM))
        ]
    elif argument.schema.types() - {"null"} == {"boolean"}:
        annotation = Annotated[
            bool | None, typer.Option(f"{option}/--no-{option[2:]}", help=_help(argument.doc))
        ]
    else:
        annotation = Annotated[
            str if argument.required else str | None,
            typer.Option(
                option,
                metavar=argument.schema.metavar,
                help=_help(argument.doc),
                autocompletion=one_of(argument.schema.words()),
            ),
        ]
    return inspect.Parameter(
        argument.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _record_parameter(form: ResourceForm) -> inspect.Parameter:
    metavar = "ID" if form.key is None else f"ID|{form.key.upper()}"
    argument = typer.Argument(
        metavar=metavar, help="The record.", autocompletion=names_of(form.table, form.key)
    )
    return inspect.Parameter("record", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[str, argument])


_YES: Final = inspect.Parameter(
    "yes",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")],
)


def _option_name(argument: ArgumentForm) -> str:
    name = command_name(argument.name)
    return f"--{name}-value" if name in _TAKEN else f"--{name}"


def _help(text: str) -> str:
    return " ".join(text.split())


def _confirm(form: ResourceForm, record: str | None) -> None:
    if not sys.stdin.isatty():
        raise ConfigurationError(
            "--yes", f"{form.name} {record} would be destroyed", "give it where nobody can be asked"
        )
    typer.confirm(f"Destroy {form.name} {record}?", abort=True)
