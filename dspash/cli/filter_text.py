"""FilterText: conditions as they are typed, such as `score>=0.5`, to the filters that collections take."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from dspash.cli.value_text import Schema, read_value_text
from dspash.errors import ConfigurationError

__all__ = ["FILTER_FORM", "read_filter_texts"]

FILTER_FORM: Final = "NAME=VALUE, with = != < <= > >= or ~ (like, with % for any text); or a filter as JSON"
_OPERATORS: Final = {"=": "eq", "!=": "ne", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "~": "like"}
_CONDITION: Final = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(!=|<=|>=|=|<|>|~)(.*)\Z", re.DOTALL)


def read_filter_texts(texts: Sequence[str], attributes: Mapping[str, Schema]) -> dict[str, Any] | None:
    """All conditions together; None for none. `NAME=[…]` asks for one of a list, `NAME=null` for no value.

    `attributes` has the schema of each one's values. Names that are none are left to whoever takes the filter, who
    says what there is. Raises ConfigurationError.
    """
    conditions = [_read(text, attributes) for text in texts]
    if not conditions:
        return None
    return conditions[0] if len(conditions) == 1 else {"and": conditions}


def _read(text: str, attributes: Mapping[str, Schema]) -> dict[str, Any]:
    if text.lstrip().startswith("{"):
        return _read_json(text)
    matched = _CONDITION.match(text)
    if matched is None:
        raise ConfigurationError("--filter", f"{text[:60]!r} is no condition", f"give {FILTER_FORM}")
    name, sign, right = matched.groups()
    operator = _OPERATORS[sign]
    if right.strip() == "null" and operator in {"eq", "ne"}:
        return {name: {"is_null": operator == "eq"}}
    if operator == "eq" and right.lstrip().startswith("["):
        return {name: {"in": _list_of(right)}}
    if operator == "like":
        return {name: {operator: right}}
    schema = attributes.get(name, Schema({"type": "string"}, {}))
    return {name: {operator: read_value_text(right, schema, place=f"--filter {name}")}}


def _read_json(text: str) -> dict[str, Any]:
    try:
        return cast("dict[str, Any]", json.loads(text))
    except (ValueError, RecursionError) as error:
        raise ConfigurationError("--filter", f"it is no JSON: {error}", f"give {FILTER_FORM}") from None


def _list_of(text: str) -> list[Any]:
    try:
        return cast("list[Any]", json.loads(text))
    except (ValueError, RecursionError) as error:
        problem = f"{text[:60]!r} is no JSON list: {error}"
        raise ConfigurationError("--filter", problem, 'give ["one", "another"]') from None
