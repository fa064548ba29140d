"""Storable: whether a value can be kept by both databases, and come back the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, cast

from pydantic_core import PydanticSerializationError

from dspash.errors import Problem
from dspash.resources.kernel.attribute import DeclaredAttribute, Kind
from dspash.resources.persistence.problems import shown_key
from dspash.store.json_text import encode_json

__all__ = ["from_column", "to_column"]

MAX_DEPTH: Final = 128  # levels of a JSON value: more than a message of the protocol may have
_LEAST_INTEGER, _GREATEST_INTEGER = -(2**63), 2**63 - 1


def to_column(attribute: DeclaredAttribute, value: Any, problems: list[Problem]) -> Any:
    """What the column keeps for a validated value; what no database keeps is added to `problems`."""
    path = f"$.{attribute.name}"
    if value is None:
        return None
    found = len(problems)
    if attribute.kind is Kind.JSON:
        try:
            # Written as JSON, a key that is no text would be mended in silence: it is looked at before.
            _check(attribute.adapter.dump_python(value), path, problems, depth=1)
            value = attribute.adapter.dump_python(value, mode="json")
        except (PydanticSerializationError, UnicodeError, ValueError, RecursionError) as error:
            problems.append(Problem(path, f"cannot be written as JSON: {str(error).splitlines()[0]:.200}"))
            return None
    elif isinstance(value, Enum):
        value = value.value
    elif isinstance(value, datetime):
        if value.tzinfo is None:
            problems.append(Problem(path, "has no time zone; give an aware datetime, in UTC if in doubt"))
            return None
        return value.astimezone(UTC)
    else:
        _check(value, path, problems, depth=1)
    if len(problems) == found:
        _check_length(attribute, value, path, problems)
    return value


def from_column(attribute: DeclaredAttribute, kept: Any) -> Any:
    """The value that the column keeps."""
    return kept if kept is None or attribute.is_plain else attribute.adapter.validate_python(kept)


def _check_length(attribute: DeclaredAttribute, value: Any, path: str, problems: list[Problem]) -> None:
    if attribute.kind is Kind.JSON:
        length = len(encode_json(value))
    elif isinstance(value, str):
        length = len(value)
    else:
        return
    if length > attribute.max_length:
        what = "characters of JSON" if attribute.kind is Kind.JSON else "characters"
        problems.append(Problem(path, f"has {length:,} {what}; {attribute.max_length:,} are the most"))


def _check(value: Any, path: str, problems: list[Problem], *, depth: int) -> None:
    match value:
        case str():
            _check_text(value, path, problems)
        case bool() | None:
            pass
        case int() if not _LEAST_INTEGER <= value <= _GREATEST_INTEGER:
            problems.append(Problem(path, "is beyond 64 bits"))
        case float() if not math.isfinite(value):
            problems.append(Problem(path, f"is {value}, which JSON and databases do not have"))
        case list() | tuple() | Mapping() if depth > MAX_DEPTH:
            problems.append(Problem(path, f"is nested more than {MAX_DEPTH} levels deep"))
        case list() | tuple():
            for index, item in enumerate(cast("list[Any]", value)):
                _check(item, f"{path}[{index}]", problems, depth=depth + 1)
        case Mapping():
            for key, item in cast("Mapping[Any, Any]", value).items():
                _check_text(str(key), path, problems)
                _check(item, f"{path}.{shown_key(key)}", problems, depth=depth + 1)
        case _:
            pass


def _check_text(text: str, path: str, problems: list[Problem]) -> None:
    if "\0" in text:
        problems.append(Problem(path, "has a NUL character, which PostgreSQL does not keep"))
    elif not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            problems.append(Problem(path, f"has half a surrogate pair at {error.start}, which is no text"))
