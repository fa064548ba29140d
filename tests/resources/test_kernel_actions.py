"""Actions: what they write, what they refuse, and that a refusal writes nothing."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest

from dspash.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from dspash.resources.kernel import AuditEntry, Resource, StoredScene
from tests.resources.library import Binding, Book, Edition, Review, Shelf


def everything(scene: StoredScene) -> list[Resource]:
    """Every record that the context sees."""
    return [record for resource in scene.domain.resources for record in scene.of(resource).iterate()]


def test_a_record_comes_back_as_it_was_made(library: StoredScene) -> None:
    shelf = library.of(Shelf).create(name="Ä–Z 📚", code="1234")
    made = library.of(Book).create(
        title="Moby-Dick",
        text="Call me Ishmael.\n\t'; DROP TABLE books; --",
        pages=2**63 - 1,
        price=0.1,
        lent=True,
        binding="cloth",
        genre="verse",
        cover=bytes(range(256)),
        editions=[{"year": 1851, "printed_at": "1851-10-18T00:00:00Z"}],
        notes={"z": 1.0, "a": [1, None, True, "é", {"deep": -(2**63)}], "long": "x" * 5000},
        labels={"b": 1, "a": 2},
        bought_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=5))),
        shelf_id=shelf.id,
    )
    read = library.of(Book).get(made.id)
    assert read == made
    assert read.binding is Binding.CLOTH
    assert read.editions == (Edition(year=1851, printed_at=datetime(1851, 10, 18, tzinfo=UTC)),)
    assert list(read.labels) == ["b", "a"]
    assert isinstance(read.notes, dict)
    assert repr(read.notes["z"]) == "1.0"
    assert read.bought_at is not None
    assert read.bought_at.utcoffset() == timedelta(0)
    assert (read.tenant_id, read.version, read.created_at) == ("north", 1, read.updated_at)


def test_all_that_is_wrong_with_the_arguments_is_told_at_once_and_nothing_is_written(
    library: StoredScene,
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        library.of(Book).create(pages="many", editions=[{"year": 1}, {"yaer": 2}], colour="red")
    assert {problem.path for problem in caught.value.problems} == {
        *("$.title", "$.pages", "$.editions[1].year", "$.editions[1].yaer", "$.colour")
    }
    assert everything(library) == []


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"title": "x" * 301}, "$.title"),
        ({"title": "a\0b"}, "$.title"),
        ({"title": "a", "text": "x" * 1_000_001}, "$.text"),
        ({"title": "a", "notes": ["x" * 4_000_000]}, "$.notes"),
        ({"title": "a", "notes": {"deep": ["\0"]}}, "$.notes.deep[0]"),
        ({"title": "a", "labels": {"k\0": 1}}, "$.labels"),
        ({"title": "a", "pages": 2**63}, "$.pages"),
        ({"title": "a", "notes": [2**70]}, "$.notes[0]"),
        ({"title": "a", "price": float("nan")}, "$.price"),
        ({"title": "a", "bought_at": datetime(2026, 1, 1)}, "$.bought_at"),  # noqa: DTZ001 - what is refused
        ({"title": "a", "genre": "drama"}, "$.genre"),
        ({"title": "a", "shelf_id": uuid4()}, "$.shelf_id"),
    ],
)
def test_what_no_database_keeps_is_refused_with_its_place(
    library: StoredScene, values: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        library.of(Book).create(**values)
    assert [problem.path for problem in caught.value.problems] == [path]
    assert "x" * 200 not in str(caught.value)
    assert everything(library) == []


@pytest.mark.parametrize("text", ["\ud800", "ok\udfff"])
def test_half_a_surrogate_pair_is_no_text(library: StoredScene, text: str) -> None:
    for values in ({"title": text}, {"title": "a", "notes": [text]}, {"title": "a", "labels": {text: 1}}):
        with pytest.raises(InvalidInputError):
            library.of(Book).create(**values)
    with pytest.raises(NotFoundError):
        library.of(Shelf).get(text)
    assert everything(library) == []


def test_a_value_nested_deeper_than_readers_go_is_refused(library: StoredScene) -> None:
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(InvalidInputError) as caught:
        library.of(Book).create(title="a", notes=deep)
    assert caught.value.path.startswith("$.notes")


def test_names_are_unique_within_a_tenant(library: StoredScene) -> None:
    library.of(Shelf).create(name="A")
    with pytest.raises(ConflictError) as caught:
        library.of(Shelf).create(name="A")
    assert (caught.value.conflict, caught.value.retryable) == ("unique", False)
    assert "name" in str(caught.value)
    assert library.of(Shelf).count() == 1


def test_a_record_is_found_by_id_by_its_text_by_name_and_by_itself(library: StoredScene) -> None:
    made = library.of(Shelf).create(name="A")
    named_like_an_id = library.of(Shelf).create(name=str(uuid4()))
    for key in (made.id, str(made.id), made.id.hex, "A", made):
        assert library.of(Shelf).get(key) == made
    assert library.of(Shelf).get(named_like_an_id.name) == named_like_an_id


@pytest.mark.parametrize("key", ["", "B", "A\0", "x" * 10_000_000, UUID(int=7), str(UUID(int=7))])
def test_a_key_that_names_nothing_is_not_found(library: StoredScene, key: object) -> None:
    library.of(Shelf).create(name="A")
    with pytest.raises(NotFoundError) as caught:
        library.of(Shelf).get(key)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("key", [None, 7, b"A", ["A"], {"name": "A"}])
def test_a_key_of_another_kind_is_an_error(library: StoredScene, key: object) -> None:
    with pytest.raises(InvalidInputError):
        library.of(Shelf).get(key)


def test_a_record_of_another_resource_is_no_key(library: StoredScene) -> None:
    book = library.of(Book).create(title="a")
    with pytest.raises(InvalidInputError):
        library.of(Shelf).get(book)


def test_an_update_changes_what_it_returns_and_counts(library: StoredScene) -> None:
    made = library.of(Shelf).create(name="A", room="attic")
    changed = library.of(Shelf).update("A", name="B")
    assert (changed.name, changed.room, changed.version) == ("B", "attic", 2)
    assert changed.updated_at > made.updated_at
    assert library.of(Shelf).get(made.id) == changed


def test_an_update_that_changes_nothing_writes_nothing(library: StoredScene) -> None:
    made = library.of(Shelf).create(name="A")
    assert library.of(Shelf).update("A", name="A") == made
    assert library.of(AuditEntry).count() == 1


def test_an_old_record_is_no_base_for_a_change(library: StoredScene) -> None:
    made = library.of(Shelf).create(name="A")
    changed = library.of(Shelf).update(made, name="B")
    for act in (lambda: library.of(Shelf).update(made, name="C"), lambda: library.of(Shelf).destroy(made)):
        with pytest.raises(ConflictError) as caught:
            act()
        assert (caught.value.conflict, caught.value.retryable) == ("version", True)
    assert library.of(Shelf).get(made.id) == changed


def test_threads_that_change_one_record_lose_no_change(library: StoredScene) -> None:
    book = library.of(Book).create(title="a")

    def add(number: int) -> None:
        for turn in range(5):
            with library.transaction() as scene:
                now = scene.of(Book).get(book.id)
                try:
                    scene.of(Book).label(now, labels={**now.labels, f"{number}-{turn}": True})
                except ConflictError as error:  # another was faster; PostgreSQL lets both read
                    lost.append((number, turn, error.retryable))

    lost: list[tuple[int, int, bool]] = []
    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    after = library.of(Book).get(book.id)
    assert len(after.labels) + len(lost) == 20
    assert all(retryable for *_, retryable in lost)
    assert after.version == 1 + len(after.labels)


def test_destroying_removes_the_record_unless_its_action_or_others_object(library: StoredScene) -> None:
    shelves = library.of(Shelf)
    first, second = shelves.create(name="A"), shelves.create(name="B")
    library.of(Book).create(title="a", shelf_id=first.id)
    with pytest.raises(ConflictError) as caught:
        shelves.destroy("A")
    assert caught.value.conflict == "reference"
    shelves.destroy(second)
    with pytest.raises(InvalidInputError, match="the last shelf of hall"):
        shelves.destroy("A")
    assert [shelf.name for shelf in shelves.iterate()] == ["A"]


def test_what_only_is_appended_cannot_be_changed_or_destroyed(library: StoredScene) -> None:
    review = library.of(Review).create(stars=5)
    with pytest.raises(ForbiddenError):
        library.of(Review).destroy(review)
    with pytest.raises(AttributeError, match="no action 'update'"):
        library.of(Review).update(review, stars=1)


def test_an_action_that_fails_half_way_leaves_nothing(library: StoredScene) -> None:
    library.of(Shelf).create(name="A")
    before = everything(library)
    with pytest.raises(ConflictError):
        library.of(Shelf).fill(name="A", titles=["x", "y"])
    assert everything(library) == before
    library.of(Shelf).fill(name="B", titles=["x", "y"])
    assert library.of(Book).count() == 2


def test_a_transaction_goes_on_after_a_part_of_it_was_refused(library: StoredScene) -> None:
    with library.transaction() as scene:
        scene.of(Shelf).create(name="A")
        with pytest.raises(ConflictError):
            scene.of(Shelf).create(name="A")
        scene.of(Shelf).create(name="B")
    assert [shelf.name for shelf in library.of(Shelf).iterate()] == ["A", "B"]


def test_a_transaction_that_raises_leaves_nothing(library: StoredScene) -> None:
    def fail_half_way() -> None:
        with library.transaction() as scene:
            scene.of(Shelf).create(name="A")
            raise OSError("enough")

    with pytest.raises(OSError, match="enough"):
        fail_half_way()
    assert everything(library) == []


def test_generic_actions_take_a_record_or_none_and_return_what_they_like(library: StoredScene) -> None:
    shelf = library.of(Shelf).create(name="A", room="attic")
    library.of(Book).create(title="a", shelf_id=shelf.id)
    assert library.of(Shelf).titles("A") == ["a"]
    assert library.of(Shelf).rooms() == ["attic"]
    with pytest.raises(InvalidInputError, match="takes no record"):
        library.of(Shelf).rooms("A")
    with pytest.raises(InvalidInputError, match="takes one record"):
        library.of(Shelf).titles()


def test_an_unknown_action_is_told_with_those_that_exist(library: StoredScene) -> None:
    with pytest.raises(AttributeError, match=r"no action 'burn'.*titles"):
        library.of(Shelf).burn("A")
    assert {"titles", "atitles", "aget", "create_many"} <= set(dir(library.of(Shelf)))


def test_every_action_has_a_coroutine(library: StoredScene) -> None:
    async def run() -> tuple[list[str], list[str], int]:
        shelves = library.of(Shelf)
        await asyncio.gather(*(shelves.acreate(name=name) for name in "ABC"))
        await shelves.adestroy("B")
        names = [shelf.name async for shelf in shelves.aiterate(sort="name")]
        return names, await shelves.arooms(), (await shelves.acount())

    assert asyncio.run(run()) == (["A", "C"], ["hall"], 2)


def test_many_records_are_made_a_lot_at_a_time(library: StoredScene) -> None:
    assert library.of(Review).create_many({"stars": index} for index in range(1201)) == 1201
    assert library.of(Review).count() == 1201


def test_a_bad_row_among_many_is_told_by_its_number_and_ends_with_whole_lots(library: StoredScene) -> None:
    rows = [{"stars": index} for index in range(1000)]
    rows[700] = {"stras": 7}
    with pytest.raises(InvalidInputError) as caught:
        library.of(Review).create_many(rows)
    assert {problem.path for problem in caught.value.problems} == {"$[700].stars", "$[700].stras"}
    assert library.of(Review).count() == 500


def test_what_has_no_create_action_makes_none_of_many_rows(library: StoredScene) -> None:
    with pytest.raises(AttributeError, match="AuditEntry has no action"):
        library.of(AuditEntry).create_many([{}])


def test_the_values_of_a_sensitive_attribute_are_not_shown(library: StoredScene) -> None:
    shelf = library.of(Shelf).create(name="A", code="1234")
    library.of(Shelf).update("A", code="5678")
    assert (shelf.code, library.of(Shelf).get("A").code) == ("1234", "5678")
    shown = repr(shelf) + "".join(repr(entry.changes) for entry in library.of(AuditEntry).iterate())
    assert "1234" not in shown
    assert "5678" not in shown
    assert "[redacted]" in repr(shelf)


def test_each_change_leaves_an_entry_with_what_who_and_why(library: StoredScene) -> None:
    shelf = library.of(Shelf).create(name="A")
    library.of(Shelf).create(name="B")
    library.of(Shelf).update("A", name="C")
    library.of(Shelf).destroy(shelf.id)
    library.of(Review).create(stars=1)
    entries = library.of(AuditEntry).list(filter={"record_id": shelf.id}).items
    assert [(entry.action, entry.record_version) for entry in entries] == [
        *(("create", 1), ("update", 2), ("destroy", 3))
    ]
    assert [entry.changes["name"] for entry in entries] == [[None, "A"], ["A", "C"], ["C", None]]
    assert {(entry.resource, entry.actor, entry.tenant_id, entry.request_id) for entry in entries} == {
        ("Shelf", "ann", "north", "request-1")
    }
    assert library.of(AuditEntry).count() == 4


def test_a_long_value_is_audited_by_its_hash(library: StoredScene) -> None:
    library.of(Book).create(title="a", text="x" * 100_000, notes={"k": "y" * 100_000}, cover=b"z" * 10)
    (entry,) = library.of(AuditEntry).iterate()
    kept = entry.changes["text"]
    assert kept == [None, {"sha256": hashlib.sha256(b"x" * 100_000).hexdigest(), "characters": 100_000}]
    assert len(repr(entry.changes)) < 1500


def test_ids_grow_with_time_and_name_their_version(library: StoredScene) -> None:
    ids: list[UUID] = [library.of(Review).create(stars=index).id for index in range(50)]
    assert ids == sorted(ids)
    assert {(found.version, found.variant) for found in ids} == {(7, "specified in RFC 4122")}
