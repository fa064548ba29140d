"""Payloads: arguments of actions as hypothesis makes them from the actions' own schemas, plausible and hostile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

__all__ = ["arguments_of", "filters_of", "hostile"]

SQL = (
    "'; DROP TABLE signatures; --",
    '" OR "1"="1',
    "1; ATTACH DATABASE 'x' AS y",
    "%' UNION SELECT * FROM audit_entries --",
    "$$; SELECT pg_sleep(9); $$",
)
NAMES = (
    "",
    " ",
    ".",
    "..",
    "/",
    "../../etc/passwd",
    "nul",
    "id",
    "None",
    "\u202egnp.exe",
    "a" * 201,
    "__class__",
)
PLAUSIBLE = (
    "QA",
    "qa",
    "Answers",
    "few",
    "questions",
    "predict",
    "question -> answer",
    "BootstrapFewShot",
    "draft",
)


def nested(depth: int) -> Any:
    """A number in as many lists."""
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


LONG = "x" * 11_000_000

# Every code point: halves of surrogate pairs, NUL and other controls included.
texts = st.text(st.characters(exclude_categories=()), max_size=20)
strange_texts = (
    texts | st.sampled_from(SQL + NAMES) | st.builds(lambda: LONG)  # so that nobody prints it
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**63) - 1, 10**400])
    | st.floats()
    | texts
    | st.sampled_from(SQL + NAMES)
)
hostile: st.SearchStrategy[Any] = (
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=5,
    )
    | st.binary(max_size=20)
    | st.just(datetime(2026, 1, 1))  # noqa: DTZ001 - one that no database can place
    | st.just(datetime(1, 1, 1, tzinfo=UTC))
    | st.uuids()
    | st.builds(nested, st.integers(100, 400))
)

SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": texts | st.sampled_from(PLAUSIBLE),
    "integer": st.integers(-2, 3) | st.integers(),
    "number": st.floats(),
    "boolean": st.booleans(),
    "null": st.none(),
}


def arguments_of(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Arguments for an action with this schema: mostly of the right types, some strange, some missing, some too many."""
    properties: dict[str, Any] = schema.get("properties", {})
    required = set(schema.get("required", ()))
    definitions = schema.get("$defs", {})
    values = {name: _values(found, definitions) for name, found in properties.items()}
    complete = st.fixed_dictionaries(
        {name: strategy for name, strategy in values.items() if name in required},
        optional={name: strategy for name, strategy in values.items() if name not in required},
    )
    anything = st.dictionaries(
        st.sampled_from([*properties, "id", "tenant_id", "nothing"]), hostile, max_size=4
    )
    return complete | complete | st.builds(lambda base, more: {**base, **more}, complete, anything)


def filters_of(names: list[str]) -> st.SearchStrategy[Any]:
    """What might be given as a filter over these attributes."""
    words = ["eq", "ne", "lt", "lte", "gt", "gte", "in", "like", "is_null"]
    comparison = st.dictionaries(st.sampled_from(words) | texts, hostile, max_size=2) | hostile
    leaf = st.dictionaries(st.sampled_from(names) | texts, comparison, max_size=3)
    return hostile | st.recursive(
        leaf,
        lambda inner: (
            st.dictionaries(st.sampled_from(["and", "or"]), st.lists(inner, max_size=2), max_size=2)
            | st.dictionaries(st.just("not"), inner, max_size=1)
        ),
        max_leaves=4,
    )


def _values(schema: Any, definitions: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of the schema's type, and a few of none."""
    fitting = _fitting(schema, definitions, depth)
    return fitting if depth else fitting | fitting | hostile | strange_texts


def _fitting(schema: Any, definitions: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return (
            hostile
            if name == "JsonValue" or depth > 3
            else _fitting(definitions[name], definitions, depth + 1)
        )
    if "anyOf" in schema:
        return st.one_of(*(_fitting(found, definitions, depth + 1) for found in schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("type") in SCALARS:
        return st.uuids() if schema.get("format") == "uuid" else SCALARS[schema["type"]]
    match schema.get("type"):
        case "array":
            return st.lists(_values(schema.get("items", {}), definitions, depth + 1), max_size=3)
        case "object" if "properties" in schema:
            return arguments_of({**schema, "$defs": definitions})
        case "object":
            keys = texts | st.sampled_from(PLAUSIBLE)
            inner = schema.get("additionalProperties")
            found = _values(inner, definitions, depth + 1) if isinstance(inner, dict) else hostile
            return st.dictionaries(keys, found, max_size=3)
        case _:
            return hostile
