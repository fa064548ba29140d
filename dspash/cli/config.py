"""Config: `dspash config`, each setting with the place its value came from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from dspash.cli.command import Answer, command
from dspash.cli.invocation import current

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["config"]

_PASSWORD: Final = re.compile(r"(?<=://)([^/@:]*):[^/@]*@")


@command
def config(
    *,
    describe: Annotated[
        bool, typer.Option("--describe", help="Say what each setting means; read nothing.")
    ] = False,
) -> Answer:
    """Show every setting, and where its value came from.

    That is the default, the dspash.toml here or above, or a variable such as DSPASH_LM, which wins. DSPASH_CONFIG names
    another file in place of the dspash.toml that is found.
    """
    return _description() if describe else _values()


def _values() -> Answer:
    loaded = current().settings()
    values = loaded.values.model_dump(mode="json")
    shown = [
        {
            "setting": name,
            "value": _without_password(values[name]),
            "origin": str(origin),
            "kind": origin.kind,
        }
        for name, origin in loaded.origins.items()
    ]
    file = None if loaded.file is None else str(loaded.file)

    def show(console: Console) -> None:
        from dspash.cli.table import print_table

        rows = [(one["setting"], _text_of(one["value"]), one["origin"]) for one in shown]
        print_table(console, ("setting", "value", "from"), rows)
        if file is None:
            console.print("no dspash.toml here or above; dspash init makes one", style="dim")

    return Answer(value={"file": file, "settings": shown}, show=show)


def _description() -> Answer:
    from dspash.settings import ENVIRONMENT_PREFIX, Settings

    properties = Settings.model_json_schema()["properties"]
    described: list[dict[str, Any]] = [
        {
            "setting": name,
            "variable": f"{ENVIRONMENT_PREFIX}{name.upper()}",
            "meaning": schema["description"],
            "schema": {key: part for key, part in schema.items() if key not in {"description", "title"}},
        }
        for name, schema in properties.items()
    ]

    def show(console: Console) -> None:
        from dspash.cli.table import print_table

        rows = [(one["setting"], one["variable"], one["meaning"]) for one in described]
        print_table(console, ("setting", "variable", "meaning"), rows)

    return Answer(value=described, show=show)


def _text_of(value: object) -> str:
    if isinstance(value, list):
        value = ", ".join(str(item) for item in cast("list[object]", value))
    return "-" if value in (None, "") else str(value)


def _without_password(value: Any) -> Any:
    return _PASSWORD.sub(r"\1:***@", value) if isinstance(value, str) else value
