"""Configuration: docs/configuration.md, made from the settings' own names, types, defaults and descriptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from dspash.settings import CONFIG_FILE_NAME, ENVIRONMENT_PREFIX, Settings

__all__ = ["make_configuration"]

_INTRODUCTION: Final = f"""\
# Configuration

Made by `scripts/generate` from the settings themselves. [The command line](command-line.md) · [glossary](glossary.md)

Commands read `{CONFIG_FILE_NAME}` in the folder they stand in, or in the nearest folder above that has one. `dspash init`
makes one. A variable of the environment wins over the file, an option of a command over both:

```sh
DSPASH_LM=offline dspash run answer --input question="Who?"
dspash config               # every setting, its value, and where that came from
dspash config --describe    # what each one means
```

- `DSPASH_CONFIG` names another file in place of the one that is found.
- Paths in the file are relative to the file, those in variables to the working folder.
- A key or a `DSPASH_` variable that is none of these is refused, with its place; so is a value that does not fit.
- Keys of providers do not belong here: the file is one to be committed.
- `dspash.open` takes its own arguments and does not read the file; of the variables, `DSPASH_DATABASE_URL` alone.

| setting | variable | what it is | default | meaning |
|---|---|---|---|---|
"""


def make_configuration(path: Path) -> dict[Path, str]:
    """The text of docs/configuration.md."""
    properties: dict[str, Any] = Settings.model_json_schema()["properties"]
    rows = [_row(name, form) for name, form in properties.items()]
    return {path: _INTRODUCTION + "\n".join(rows) + "\n"}


def _row(name: str, form: dict[str, Any]) -> str:
    field = Settings.model_fields[name]
    value = str(field.default).lower() if isinstance(field.default, bool) else field.default
    default = "" if field.default_factory is not None or value in (None, ()) else f"`{value}`"
    cells = [f"`{name}`", f"`{ENVIRONMENT_PREFIX}{name.upper()}`", _kind(form), default, form["description"]]
    return f"| {' | '.join(cells)} |"


def _kind(form: dict[str, Any]) -> str:
    """What a value is, with its bounds, in words."""
    forms = [one for one in form.get("anyOf", [form]) if one.get("type") != "null"]
    return " or ".join(_bounded(one) for one in forms)


def _bounded(form: dict[str, Any]) -> str:
    if words := form.get("enum"):
        return " or ".join(f"`{word}`" for word in words)
    kinds = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "array": "list",
        "boolean": "true or false",
    }
    kind = kinds[form["type"]]
    bounds = [
        f"{word} {form[key]}"
        for key, word in {
            "minimum": "from",
            "exclusiveMinimum": "above",
            "maximum": "to",
            "maxLength": "at most",
        }.items()
        if key in form
    ]
    unit = " characters" if "maxLength" in form else ""
    return ", ".join([kind, " ".join(bounds) + unit]) if bounds else kind
