"""Transfer: all records of a tenant to a plain file and back, one JSON text a line.

The first line names the form and the revision of the tables. Each other is `{"resource": …, "values": {…}}`; records
come after those they refer to. Sensitive values stay behind.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from typing import IO, Any, Final, cast

from pydantic import ValidationError
from sqlalchemy import select

from dspash.errors import InvalidInputError, Problem
from dspash.resources.kernel import Declaration, Resource, StoredScene
from dspash.resources.persistence.writer import Writer

__all__ = ["FORM", "export_records", "import_records"]

FORM: Final = 1
"""The form that is written, and the only one that is read."""

LINES_A_LOT: Final = 500  # that are read and written at a time
LONGEST_LINE: Final = 200_000_000  # characters


def export_records(scene: StoredScene, file: IO[str]) -> dict[str, int]:
    """Write every record that the context sees, as of one moment; return how many there were of each resource."""
    counts: Counter[str] = Counter()
    header = {"dspash": FORM, "revision": scene.store.status().current}
    file.write(json.dumps(header) + "\n")
    with scene.snapshot() as reading:
        for declaration in _in_order(scene):
            hidden = {"tenant_id", *(found.name for found in declaration.own if found.spec.sensitive)}
            for record in reading.of(declaration.record).iterate():
                values = record.model_dump_json(exclude=hidden)
                file.write(f'{{"resource":{json.dumps(declaration.name)},"values":{values}}}\n')
                counts[declaration.name] += 1
    return dict(counts)


def import_records(scene: StoredScene, file: IO[str]) -> dict[str, int]:
    """Read what `export_records` wrote into the context's tenant; return how many new records there were of each.

    Records that are there already stay as they are. All of it is kept, or nothing: raises InvalidInputError with the
    line (`$[17].name`), and ConflictError where a name is taken by another record.
    """
    _read_header(file)
    counts: Counter[str] = Counter()
    numbered = enumerate(iter(lambda: file.readline(LONGEST_LINE), ""), 1)
    with scene.transaction() as writing:
        while lot := list(itertools.islice(numbered, LINES_A_LOT)):
            entries = [_read_entry(scene, number, line) for number, line in lot]
            for declaration, group in itertools.groupby(entries, lambda entry: entry[1]):
                counts[declaration.name] += _insert(writing, declaration, list(group))
    return dict(counts)


_Entry = tuple[int, Declaration, dict[str, Any]]


def _in_order(scene: StoredScene) -> list[Declaration]:
    return [scene.domain.declaration(table.name) for table in scene.domain.metadata.sorted_tables]


def _read_header(file: IO[str]) -> None:
    header = _json(file.readline(LONGEST_LINE))
    form = cast("dict[str, object]", header).get("dspash") if isinstance(header, dict) else None
    if form is None:
        raise InvalidInputError.of([Problem("$[0]", "is no export of dspash")])
    if form != FORM:
        raise InvalidInputError.of([Problem("$[0]", f"is of form {form!r:.20}; this dspash reads {FORM}")])


def _read_entry(scene: StoredScene, number: int, line: str) -> _Entry:
    entry = _json(line)
    if isinstance(entry, dict):
        name, values = (cast("dict[str, object]", entry).get(key) for key in ("resource", "values"))
        if isinstance(name, str) and name in scene.domain.declarations and isinstance(values, dict):
            return number, scene.domain.declaration(name), cast("dict[str, Any]", values)
    raise InvalidInputError.of([Problem(f"$[{number}]", "is no record of a resource that there is")])


def _json(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _insert(scene: StoredScene, declaration: Declaration, entries: list[_Entry]) -> int:
    """Insert those that are not there yet; return how many."""
    writer = Writer[Resource](scene, declaration)
    made = [_adopted(writer, declaration, number, values) for number, _, values in entries]
    table = scene.domain.table(declaration)
    ids = [record.id for record, _ in made]
    there = set(scene.connection.execute(select(table.c.id).where(table.c.id.in_(ids))).scalars())
    new = [pair for pair in made if pair[0].id not in there]
    for lot in _with_parents_first(new, declaration):
        writer.insert(lot, None)
    return len(new)


def _adopted(
    writer: Writer[Resource], declaration: Declaration, number: int, values: Mapping[str, Any]
) -> tuple[Resource, dict[str, Any]]:
    try:
        text = json.dumps({**values, "tenant_id": "anybody"})
        return writer.adopt(dict(declaration.record.model_validate_json(text)))
    except ValidationError as error:
        path = "".join(f".{step}" for step in error.errors()[0]["loc"])
        raise InvalidInputError.of([Problem(f"$[{number}]{path}", error.errors()[0]["msg"])]) from None
    except InvalidInputError as error:
        raise InvalidInputError.of(
            [replace(found, path=f"$[{number}]{found.path[1:]}") for found in error.problems]
        ) from None


def _with_parents_first(
    made: Iterable[tuple[Resource, dict[str, Any]]], declaration: Declaration
) -> Generator[list[tuple[Resource, dict[str, Any]]]]:
    """All at once; one after the other where records may refer to others of their own kind."""
    pairs = list(made)
    refers_to_itself = any(found.spec.references == declaration.name for found in declaration.own)
    if refers_to_itself:
        yield from ([pair] for pair in pairs)
    elif pairs:
        yield pairs
