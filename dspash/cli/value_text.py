"""ValueText: what was typed for an argument, read by the JSON schema of what it should be."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from dspash.errors import ConfigurationError

__all__ = ["Schema", "read_value_text"]

_FROM_FILE: Final = "@"
_LARGEST_FILE_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Schema:
    """One value's JSON schema, with the `$defs` that it refers to."""

    form: Mapping[str, Any]
    definitions: Mapping[str, Any]

    def types(self) -> set[str]:
        """The JSON types that fit: string, integer, number, boolean, object, array, null; empty where anything does."""
        return {kind for one in self._alternatives(self.form) for kind in _types_of(one)}

    def words(self) -> tuple[str, ...]:
        """The only texts that fit, where there are few; else none."""
        found: list[str] = []
        for one in self._alternatives(self.form):
            if one.get("type") == "null":
                continue
            listed = one.get("enum", [one["const"]] if "const" in one else None)
            if not isinstance(listed, list) or not all(
                isinstance(word, str) for word in cast("list[Any]", listed)
            ):
                return ()
            found += cast("list[str]", listed)
        return tuple(found)

    def items(self) -> Schema:
        """The schema of a list's items; of anything, where there is no list."""
        for one in self._alternatives(self.form):
            if isinstance(items := one.get("items"), Mapping):
                return Schema(cast("Mapping[str, Any]", items), self.definitions)
        return Schema({}, self.definitions)

    @property
    def lists_texts(self) -> bool:
        """Whether a list fits whose items may be texts."""
        return "array" in self.types() and "string" in self.items().types()

    @property
    def metavar(self) -> str:
        """What help shows in the value's place."""
        if words := self.words():
            return "|".join(words)
        types = self.types() - {"null"}
        if types == {"string"}:
            return "TEXT"
        if types <= {"integer", "number"} and types:
            return "INTEGER" if types == {"integer"} else "NUMBER"
        if self.lists_texts and types <= {"array", "string"}:
            return "A,B,…"
        return "JSON"

    def _alternatives(self, form: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The schemas one of which a value fits, without references."""
        reference = form.get("$ref")
        if isinstance(reference, str):
            name = reference.rpartition("/")[2]
            # The definition of what can hold itself is not followed into itself: its alternatives are not asked for.
            return self._alternatives(cast("Mapping[str, Any]", self.definitions.get(name, {})))
        for word in ("anyOf", "oneOf"):
            if isinstance(listed := form.get(word), list):
                return [
                    found
                    for one in cast("list[Mapping[str, Any]]", listed)
                    for found in self._alternatives(one)
                ]
        return [form]


def _types_of(form: Mapping[str, Any]) -> list[str]:
    if isinstance(kind := form.get("type"), str):
        return [kind]
    listed = form.get("enum", [form["const"]] if "const" in form else [])
    if listed and all(isinstance(word, str) for word in listed):
        return ["string"]
    return ["string", "integer", "number", "boolean", "object", "array", "null"]


def read_value_text(text: str, schema: Schema, *, place: str) -> Any:
    """The value that `text` means: itself where a text is wanted, else JSON.

    `@FILE` stands for what the file says, `@-` for stdin, `@@…` for a text that begins with @. A list of texts may be
    given as `a,b`; `null` is no value, where that fits. Raises ConfigurationError naming `place`.
    """
    if text.startswith(_FROM_FILE * 2):
        text = text[1:]
    elif text.startswith(_FROM_FILE):
        text = _content_of(text[1:], place)
    types = schema.types()
    if text.strip() == "null" and "null" in types:
        return None
    if types <= {"string", "null"}:
        return text
    if schema.lists_texts and types <= {"array", "string", "null"} and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    return _read_json(text, types, schema, place)


def _read_json(text: str, types: set[str], schema: Schema, place: str) -> Any:
    try:
        value: Any = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        if "string" in types:
            return text
        why = "" if types <= {"integer", "number", "boolean", "null"} else f": {error}"
        problem = f"{text[:60]!r} is no {_name_of(schema)}{why}"
        raise ConfigurationError(place, problem, f"give {schema.metavar}, or @FILE that holds it") from None
    # "7" for a text or a number is the number; for a text or a list it is the text.
    return value if _type_of(value) & types or "string" not in types else text


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _type_of(value: object) -> set[str]:
    match value:
        case bool():
            return {"boolean"}
        case int():
            return {"integer", "number"}
        case float():
            return {"number"}
        case str():
            return {"string"}
        case list():
            return {"array"}
        case dict():
            return {"object"}
        case _:
            return {"null"}


def _name_of(schema: Schema) -> str:
    return {"INTEGER": "whole number", "NUMBER": "number"}.get(schema.metavar, "JSON")


def _content_of(name: str, place: str) -> str:
    try:
        if name == "-":
            return sys.stdin.read()
        path = Path(name).expanduser()
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise ConfigurationError(place, f"{name} is larger than 256 MiB", "give a smaller file")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        problem = f"{name} cannot be read: {error.strerror}"
        raise ConfigurationError(
            place, problem, "name a readable file; a text that begins with @ is given as @@…"
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(place, f"{name} is no UTF-8 text", "give a text file") from None
