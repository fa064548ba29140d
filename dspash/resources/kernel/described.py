"""Described: the actions every resource has, as data like those that resources declare."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from dspash.resources.kernel.action import ActionKind

__all__ = ["DEFAULT_ACTIONS", "FILTER_OPERATORS"]

FILTER_OPERATORS: Final = ("eq", "ne", "lt", "lte", "gt", "gte", "in", "like", "is_null")
"""What an attribute can be compared by; structured values and bytes only by `is_null`."""

_FILTER = Annotated[dict[str, JsonValue] | None, Field(description="Conditions that the records fit.")]
_INCLUDE = Annotated[list[str], Field(description="Relations to read with the records.")]


class _Get(BaseModel):
    model_config = ConfigDict(title="get")

    include: _INCLUDE = []


class _List(BaseModel):
    model_config = ConfigDict(title="list")

    filter: _FILTER = None
    sort: Annotated[
        str | list[str], Field(description="Attributes; with '-' in front, the greatest first.")
    ] = "created_at"
    limit: Annotated[int, Field(ge=1, le=1000, description="Records in a page.")] = 50
    after: Annotated[str | None, Field(description="The `next` of the page before.")] = None
    include: _INCLUDE = []
    select: Annotated[list[str] | None, Field(description="Attributes to read; all by default.")] = None


class _Count(BaseModel):
    model_config = ConfigDict(title="count")

    filter: _FILTER = None


class _Destroy(BaseModel):
    model_config = ConfigDict(title="destroy")


def _default(
    name: str,
    kind: ActionKind,
    doc: str,
    arguments: type[BaseModel],
    result: Literal["record", "page", "count"] | None,
) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind.value,
        "doc": doc,
        "takes_record": result in {"record", None},
        "internal": False,
        "arguments": arguments.model_json_schema(),
        "result": None,
        "default": True,
        "writes": kind is not ActionKind.READ,
    }


DEFAULT_ACTIONS: Final[tuple[dict[str, Any], ...]] = (
    _default("get", ActionKind.READ, "The record of that id or name.", _Get, "record"),
    _default("list", ActionKind.READ, "One page of the records that fit.", _List, "page"),
    _default("count", ActionKind.READ, "How many records fit.", _Count, "count"),
    _default("destroy", ActionKind.DESTROY, "Remove one record, unless others refer to it.", _Destroy, None),
)
"""get, list, count and destroy; append-only resources lack the last."""
