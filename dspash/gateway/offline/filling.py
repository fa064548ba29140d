"""Filling: lists, tables and records, each part written as a small field of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from dspash.gateway.offline.draft import Draft
from dspash.gateway.offline.instructing import advise_modules
from dspash.gateway.offline.querying import search_query
from dspash.gateway.offline.role import Role, find_role
from dspash.gateway.offline.shape import Choice, Listing, Record, Table, Text, essence
from dspash.gateway.offline.summarising import extract_sentences, key_terms
from dspash.gateway.offline.task import Field
from dspash.gateway.port import JsonMap, JsonValue

__all__ = ["Write", "fill_list", "fill_record", "fill_table"]

Write: TypeAlias = Callable[[Field], JsonValue]
"""Writes one part, whatever its shape."""

_TERMS: Final = re.compile(r"keyword|topic|entit|tag|term|name|categor|label|concept|theme", re.IGNORECASE)
_ITEMS: Final = 3


def fill_list(draft: Draft, field: Field, shape: Listing, write: Write) -> list[JsonValue]:
    """As many items as the examples usually have, within the bounds, repeated only where there are no others."""
    count = _length(draft, field, shape)
    item = essence(shape.item)
    if isinstance(item, Text):
        items: list[JsonValue] = [*_texts(draft, field, count)]
    elif isinstance(item, Choice):
        first = write(Field(field.name, field.description, item))
        items = [first, *[option for option in item.options if option != first]][: max(shape.least, 1)]
    else:
        items = [write(Field(field.name, field.description, shape.item))] if count else []
    while len(items) < shape.least:
        items.append(items[-1] if items else write(Field(field.name, field.description, shape.item)))
    return items if shape.most is None else items[: shape.most]


def fill_table(draft: Draft, field: Field, shape: Table, write: Write) -> JsonMap:
    """The keys that the examples show, else the modules the inputs name, else the inputs' own names."""
    if isinstance(essence(shape.value), Text):
        advice = advise_modules(draft)
        if advice is not None:
            return advice
    shown = [value for _, value in draft.prompt.demo_values(field.name) if isinstance(value, dict)]
    keys = [*shown[0]] if shown else [name for name in draft.prompt.inputs if name.isidentifier()][:_ITEMS]
    return {key: write(Field(key, "", shape.value)) for key in keys}


def fill_record(shape: Record, write: Write) -> JsonMap:
    """Every property, in the order of the record."""
    return {slot.name: write(Field(slot.name, slot.description, slot.shape)) for slot in shape.slots}


def _length(draft: Draft, field: Field, shape: Listing) -> int:
    lengths = sorted(
        len(value) for _, value in draft.prompt.demo_values(field.name) if isinstance(value, list)
    )
    count = lengths[len(lengths) // 2] if lengths else _ITEMS
    count = max(count, shape.least)
    return count if shape.most is None else min(count, shape.most)


def _texts(draft: Draft, field: Field, count: int) -> list[str]:
    if find_role(field.name, field.description) is Role.QUERY:
        return [search_query(draft, field)]
    if draft.material.question and draft.material.passages and draft.reading.answers:
        return [answer.text for answer in draft.reading.answers[:count]]
    text = draft.input_text
    found = key_terms(text, count) if _TERMS.search(field.name) else extract_sentences(text, count)
    return found or [field.name.replace("_", " ")][:count]
