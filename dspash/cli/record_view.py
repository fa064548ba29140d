"""RecordView: records, and whatever else actions return, as JSON and as people read them."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from dspash.cli.domain import AttributeForm, ResourceForm
from dspash.cli.printable import printable
from dspash.resources.kernel import Page, Resource
from dspash.resources.kernel.resource import REDACTED, declaration_of

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["json_of", "show_value"]

_MOST_COLUMNS: Final = 7
_LONGEST_CELL: Final = 60
_LONGEST_TEXT: Final = 500  # characters, from which on a text is shown where there is room left
_EVERY_RECORD_HAS: Final = ("id", "tenant_id", "created_at", "updated_at", "version")


def json_of(value: Any) -> Any:
    """`value` as JSON: records with what was read with them and without what is sensitive; pages with their `next`."""
    match value:
        case Resource():
            return _record_map(value)
        case Page():
            page = cast("Page[Resource]", value)
            return {"items": [_record_map(one) for one in page.items], "next": page.next}
        case BaseModel():
            return value.model_dump(mode="json")
        case Mapping():
            return {str(key): json_of(item) for key, item in cast("Mapping[Any, Any]", value).items()}
        case str() | bool() | int() | float() | None:
            return value
        case bytes():
            return base64.b64encode(value).decode()
        case Sequence() | AbstractSet():
            return [json_of(item) for item in cast("Sequence[Any]", value)]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: json_of(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _:
            return to_jsonable_python(value, fallback=str)


def show_value(console: Console, value: Any, form: ResourceForm, select: Sequence[str] | None = None) -> None:
    """Print what an action on the resource has returned."""
    match value:
        case Page():
            _show_page(console, cast("Page[Resource]", value), form, select)
        case Resource():
            _show_pairs(console, _record_map(value))
        case None:
            console.print("done")
        case str() | int() | float():
            console.out(printable(str(value)), highlight=False)
        case _:
            shown = json_of(value)
            if isinstance(shown, dict):
                _show_pairs(console, cast("dict[str, Any]", shown))
            else:
                console.out(printable(json.dumps(shown, ensure_ascii=False, indent=2)), highlight=False)


def _record_map(record: Resource) -> dict[str, Any]:
    hidden = {name for name, found in declaration_of(type(record)).attributes.items() if found.spec.sensitive}
    there = set(vars(record))
    shown = record.model_dump(mode="json", include=there - hidden, warnings=False)
    shown.update({name: REDACTED for name in sorted(hidden & there) if getattr(record, name) is not None})
    shown.update({name: json_of(related) for name, related in record.included.items()})
    order = [*declaration_of(type(record)).attributes, *record.included]
    return {name: shown[name] for name in order if name in shown}


def _show_page(
    console: Console, page: Page[Resource], form: ResourceForm, select: Sequence[str] | None
) -> None:
    from dspash.cli.table import print_table

    names = list(select) if select else _columns(form)
    if page.items:
        rows = [_record_map(one) for one in page.items]
        cut = _LONGEST_CELL if console.is_terminal else None
        print_table(console, names, [[_cell(row.get(name), cut) for name in names] for row in rows])
    else:
        console.print(f"no {form.table.replace('_', ' ')} fit")
    if page.next is not None:
        console.print(f"more: --after {page.next}", style="dim", soft_wrap=True)


def _columns(form: ResourceForm) -> list[str]:
    """What tells records apart at a glance: name, state, what they are looked up by, other values, the short ones first, time."""
    own = [one for one in form.attributes if one.name not in _EVERY_RECORD_HAS and _is_shown(one)]
    first = [name for name in (form.key, form.state) if name is not None]
    own.sort(key=lambda one: (not one.indexed, (one.max_length or 0) > _LONGEST_TEXT))
    chosen = list(dict.fromkeys([*first, *(one.name for one in own)]))[: _MOST_COLUMNS - 2]
    return ["id", *chosen, "created_at"]


def _is_shown(attribute: AttributeForm) -> bool:
    if attribute.sensitive or attribute.kind not in {"text", "integer", "number", "boolean"}:
        return False
    return attribute.name != "source" and not attribute.name.endswith("hash")


def _show_pairs(console: Console, values: Mapping[str, Any]) -> None:
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        text = (
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)
        )
        first, *more = printable(text).splitlines() or [""]
        console.out(f"{name:<{width}}  {first}", highlight=False)
        for line in more:
            console.out(f"{'':<{width}}  {line}", highlight=False)


def _cell(value: Any, cut: int | None) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    line = " ".join(text.split())
    return line if cut is None or len(line) <= cut else f"{line[: cut - 1]}…"
