"""Transfer: what is exported comes back the same, and what is no export changes nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from dspash.errors import ConflictError, InvalidInputError
from dspash.resources.kernel import AuditEntry, Context, StoredScene
from dspash.resources.transfer import export_records, import_records
from dspash.store import Store
from tests.resources.library import LIBRARY, Book, Loan, Review, Shelf


@pytest.fixture
def other(tmp_path: Path) -> StoredScene:
    """An empty library elsewhere."""
    store = Store.connect(tmp_path / "other.db")
    with store.transaction() as connection:
        LIBRARY.metadata.create_all(connection)
    return StoredScene(Context(actor="bob", tenant="south", request_id="2"), domain=LIBRARY, store=store)


def fill(scene: StoredScene) -> None:
    shelf = scene.of(Shelf).create(name="A", code="tapioca")
    scene.of(Shelf).update("A", name="B")
    book = scene.of(Book).create(
        title="Äneis\n",
        shelf_id=shelf.id,
        cover=bytes(range(256)),
        labels={"b": 1.0, "a": [None]},
        pages=2**62,
    )
    scene.of(Loan).create(book_id=book.id)
    scene.of(Review).create_many({"stars": index} for index in range(1100))


def test_what_is_exported_comes_back_with_ids_versions_and_times_but_without_secrets(
    library: StoredScene, other: StoredScene
) -> None:
    fill(library)
    file = io.StringIO()
    counts = export_records(library, file)
    assert counts == {"Shelf": 1, "Book": 1, "Loan": 1, "Review": 1100, "AuditEntry": 4}
    assert "tapioca" not in file.getvalue()
    file.seek(0)
    assert import_records(other, file) == counts
    file.seek(0)
    assert set(import_records(other, file).values()) == {0}
    hidden = {"tenant_id": True, "code": True}
    for resource in (Shelf, Book, Loan, Review, AuditEntry):
        before = [record.model_dump(exclude=hidden) for record in library.of(resource).iterate()]
        after = [record.model_dump(exclude=hidden) for record in other.of(resource).iterate()]
        assert after == before
    assert other.of(Shelf).get("B").code is None
    other.store.close()


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        ([""], "$[0]"),
        (["{}"], "$[0]"),
        (['{"dspash": 2}'], "$[0]"),
        (['{"dspash": 1}', "nonsense"], "$[1]"),
        (['{"dspash": 1}', '{"resource": "Nothing", "values": {}}'], "$[1]"),
        (['{"dspash": 1}', '{"resource": "Shelf", "values": {"name": 7}}'], "$[1].id"),
        (['{"dspash": 1}', "[" * 100_000], "$[1]"),
    ],
)
def test_what_is_no_export_is_refused_with_the_line_and_nothing_is_written(
    other: StoredScene, lines: list[str], path: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        import_records(other, io.StringIO("\n".join(lines)))
    assert caught.value.path == path
    assert other.of(Shelf).count() == 0
    other.store.close()


def test_a_taken_name_is_a_conflict_and_nothing_is_written(library: StoredScene, other: StoredScene) -> None:
    fill(library)
    file = io.StringIO()
    export_records(library, file)
    other.of(Shelf).create(name="B", room="attic")
    file.seek(0)
    with pytest.raises(ConflictError):
        import_records(other, file)
    assert [shelf.room for shelf in other.of(Shelf).iterate()] == ["attic"]
    assert other.of(Review).count() == 0
    other.store.close()


def test_a_value_that_no_database_keeps_is_refused_on_the_way_in(other: StoredScene) -> None:
    other.of(Shelf).create(name="A")
    file = io.StringIO()
    export_records(other, file)
    header, *entries = file.getvalue().splitlines()
    entry = next(json.loads(line) for line in entries if '"Shelf"' in line)
    entry["values"] |= {"name": "x" * 51, "id": "01a205d0-3c00-7378-8b7a-1f77ce0d8692"}
    with pytest.raises(InvalidInputError) as caught:
        import_records(other, io.StringIO(f"{header}\n{json.dumps(entry)}\n"))
    assert caught.value.path == "$[1].name"
    other.store.close()
