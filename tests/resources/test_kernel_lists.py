"""Lists: filters, order, pages, relations and selections, alike on both databases."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from dspash.errors import InvalidInputError
from dspash.resources.kernel import StoredScene
from tests.resources.conftest import statements
from tests.resources.library import Book, Loan, Review, Shelf

BOOKS: list[dict[str, Any]] = [
    {"title": "Emma", "pages": 400, "price": 9.5, "genre": "novel", "lent": True},
    {"title": "emma", "pages": None, "price": None, "genre": "verse"},
    {"title": "Émile", "pages": 100, "price": 3.0, "bought_at": datetime(2026, 1, 1, tzinfo=UTC)},
    {"title": "Ulysses", "pages": 700, "price": 9.5, "bought_at": datetime(2026, 5, 1, tzinfo=UTC)},
    {"title": "100%", "pages": 0, "price": -1.0, "binding": "cloth"},
    {"title": "10_0", "pages": None, "price": 0.0, "notes": {"a": 1}},
]


@pytest.fixture
def books(library: StoredScene) -> StoredScene:
    library.of(Book).create_many(BOOKS)
    return library


def titles(scene: StoredScene, **arguments: Any) -> list[str]:
    return [book.title for book in scene.of(Book).list(**arguments).items]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, {"Emma", "emma", "Émile", "Ulysses", "100%", "10_0"}),
        (None, {"Emma", "emma", "Émile", "Ulysses", "100%", "10_0"}),
        ({"title": "Emma"}, {"Emma"}),
        ({"title": {"eq": "emma"}}, {"emma"}),
        ({"title": {"ne": "Emma"}}, {"emma", "Émile", "Ulysses", "100%", "10_0"}),
        ({"pages": {"ne": 400}}, {"emma", "Émile", "Ulysses", "100%", "10_0"}),
        ({"pages": {"gt": 0, "lte": 400}}, {"Emma", "Émile"}),
        ({"pages": {"lt": 1}}, {"100%"}),
        ({"price": {"gte": 9.5}}, {"Emma", "Ulysses"}),
        ({"pages": None}, {"emma", "10_0"}),
        ({"pages": {"ne": None}}, {"Emma", "Émile", "Ulysses", "100%"}),
        ({"pages": {"is_null": True}}, {"emma", "10_0"}),
        ({"notes": {"is_null": False}}, {"10_0"}),
        ({"cover": {"is_null": True}, "lent": True}, {"Emma"}),
        ({"title": {"like": "E%"}}, {"Emma"}),
        ({"title": {"like": "%mm_"}}, {"Emma", "emma"}),
        ({"title": {"like": "10\\_%"}}, {"10_0"}),
        ({"title": {"like": "%\\%"}}, {"100%"}),
        ({"title": {"in": ["Emma", "Ulysses", "nothing"]}}, {"Emma", "Ulysses"}),
        ({"title": {"in": []}}, set()),
        ({"genre": {"in": ["verse"]}}, {"emma"}),
        ({"binding": "cloth"}, {"100%"}),
        ({"lent": False, "price": 9.5}, {"Ulysses"}),
        ({"bought_at": {"gt": "2026-02-01T00:00:00+01:00"}}, {"Ulysses"}),
        ({"not": {"pages": 400}}, {"emma", "Émile", "Ulysses", "100%", "10_0"}),
        ({"not": {"pages": {"gt": 0}}}, {"emma", "100%", "10_0"}),
        ({"not": {"not": {"pages": {"gt": 0}}}}, {"Emma", "Émile", "Ulysses"}),
        ({"or": [{"title": "Emma"}, {"pages": {"lt": 1}}]}, {"Emma", "100%"}),
        ({"and": [{"price": 9.5}, {"not": {"title": "Emma"}}]}, {"Ulysses"}),
        ({"or": [{"and": [{"price": 9.5}, {"lent": True}]}, {"genre": "verse"}]}, {"Emma", "emma"}),
        ({"title": "'; DROP TABLE books; --"}, set()),
        ({"title": {"like": "' OR '1'='1"}}, set()),
    ],
)
def test_a_filter_means_the_same_on_both_databases(
    books: StoredScene, conditions: Any, expected: set[str]
) -> None:
    assert set(titles(books, filter=conditions)) == expected
    assert books.of(Book).count(filter=conditions) == len(expected)
    assert books.of(Book).count(filter={"not": conditions or {}}) == len(BOOKS) - len(expected)


@pytest.mark.parametrize(
    ("conditions", "path"),
    [
        ({"titel": "x"}, "$.filter.titel"),
        ({"title": {"equals": "x"}}, "$.filter.title.equals"),
        ({"pages": "many"}, "$.filter.pages.eq"),
        ({"pages": {"in": [1, "x"]}}, "$.filter.pages.in[1]"),
        ({"pages": {"in": 3}}, "$.filter.pages.in"),
        ({"pages": {"in": list(range(1001))}}, "$.filter.pages.in"),
        ({"pages": {"gt": None}}, "$.filter.pages.gt"),
        ({"pages": {"like": "4%"}}, "$.filter.pages.like"),
        ({"pages": 2**63}, "$.filter.pages.eq"),
        ({"price": float("inf")}, "$.filter.price.eq"),
        ({"title": {"like": 4}}, "$.filter.title.like"),
        ({"title": {"like": "x\\"}}, "$.filter.title.like"),
        ({"title": {"like": "x\0"}}, "$.filter.title.like"),
        ({"title": "x\0"}, "$.filter.title.eq"),
        ({"lent": {"gt": False}}, "$.filter.lent.gt"),
        ({"notes": {"a": 1}}, "$.filter.notes.a"),
        ({"notes": [1]}, "$.filter.notes.eq"),
        ({"labels": {"eq": {}}}, "$.filter.labels.eq"),
        ({"cover": b"x"}, "$.filter.cover.eq"),
        ({"bought_at": "2026-01-01T00:00:00"}, "$.filter.bought_at.eq"),
        ({"pages": {"is_null": 1}}, "$.filter.pages.is_null"),
        ({"or": {"title": "x"}}, "$.filter.or"),
        ({"or": []}, "$.filter.or"),
        ({"or": [{"title": "x"}, {"nope": 1}]}, "$.filter.or[1].nope"),
        ({"not": {"nope": 1}}, "$.filter.not.nope"),
        ({7: 1}, "$.filter.7"),
        ("title = 'x'", "$.filter"),
        ([{"title": "x"}], "$.filter"),
    ],
)
def test_what_is_no_filter_is_told_with_its_place(library: StoredScene, conditions: Any, path: str) -> None:
    for read in (library.of(Book).list, library.of(Book).count):
        with pytest.raises(InvalidInputError) as caught:
            read(filter=conditions)
        assert [problem.path for problem in caught.value.problems] == [path]


def test_a_sensitive_attribute_cannot_be_guessed_by_filters_or_order(library: StoredScene) -> None:
    attempts: list[dict[str, Any]] = [{"filter": {"code": {"like": "1%"}}}, {"sort": "code"}]
    for arguments in attempts:
        with pytest.raises(InvalidInputError):
            library.of(Shelf).list(**arguments)


def test_a_filter_that_is_huge_is_refused(library: StoredScene) -> None:
    nested: dict[str, Any] = {"title": "x"}
    for _ in range(5000):
        nested = {"not": nested}
    for conditions in (nested, {"or": [{"title": "x"}] * 5000}, {"x" * 10_000_000: 1}):
        with pytest.raises(InvalidInputError) as caught:
            library.of(Book).list(filter=conditions)
        assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("title", ["100%", "10_0", "Emma", "Ulysses", "emma", "Émile"]),
        ("-title", ["Émile", "emma", "Ulysses", "Emma", "10_0", "100%"]),
        ("pages", ["emma", "10_0", "100%", "Émile", "Emma", "Ulysses"]),
        ("-pages", ["Ulysses", "Emma", "Émile", "100%", "10_0", "emma"]),
        (["price", "-title"], ["emma", "100%", "10_0", "Émile", "Ulysses", "Emma"]),
        (["-lent", "pages"], ["Emma", "emma", "10_0", "100%", "Émile", "Ulysses"]),
        (["title", "title", "-title"], ["100%", "10_0", "Emma", "Ulysses", "emma", "Émile"]),
        ("-id", ["10_0", "100%", "Ulysses", "Émile", "emma", "Emma"]),
    ],
)
def test_the_order_is_the_same_on_both_databases_and_so_are_its_pages(
    books: StoredScene, sort: Any, expected: list[str]
) -> None:
    assert titles(books, sort=sort) == expected
    for limit in (1, 2, 4):
        found: list[str] = []
        after = None
        for _ in itertools.count():
            page = books.of(Book).list(sort=sort, limit=limit, after=after)
            found += [book.title for book in page.items]
            after = page.next
            if after is None:
                break
            assert len(page.items) == limit
        assert found == expected


def test_pages_of_many_equal_values_lose_and_repeat_nothing(library: StoredScene) -> None:
    random.seed(7)
    rows = [{"title": random.choice("abc"), "pages": random.choice([None, 1, 2])} for _ in range(200)]
    library.of(Book).create_many(rows)
    for sort in (["title", "-pages"], ["-pages", "title"], "pages", "-title"):
        seen: list[Any] = []
        after = None
        while True:
            page = library.of(Book).list(sort=sort, limit=7, after=after)
            seen += [book.id for book in page.items]
            after = page.next
            if after is None:
                break
        whole = library.of(Book).list(sort=sort, limit=1000)
        assert seen == [book.id for book in whole.items]
        assert len(set(seen)) == 200


@pytest.mark.parametrize(
    "sort", ["nope", "labels", "cover", "text", "", "--title", [], ["title"] * 5, 7, [7]]
)
def test_what_cannot_be_sorted_by_is_told(library: StoredScene, sort: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        library.of(Book).list(sort=sort)
    assert caught.value.path.startswith("$.sort")


@pytest.mark.parametrize("limit", [0, -1, 1001, True, "5", 2.0, None])
def test_a_limit_is_a_whole_number_within_bounds(library: StoredScene, limit: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        library.of(Book).list(limit=limit)
    assert caught.value.path == "$.limit"


@pytest.mark.parametrize("cursor", ["", "x", "é", "W10", "bnVsbA", "W" * 100_000, 7, b"x", "WyJ0aXRsZSJd"])
def test_what_is_no_place_in_the_list_is_refused(books: StoredScene, cursor: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        books.of(Book).list(after=cursor)
    assert caught.value.path == "$.after"


def test_a_place_of_another_order_is_refused(books: StoredScene) -> None:
    page = books.of(Book).list(limit=1, sort="title")
    with pytest.raises(InvalidInputError):
        books.of(Book).list(limit=1, sort="-title", after=page.next)


def test_a_page_stays_where_it_was_while_records_come_and_go(books: StoredScene) -> None:
    page = books.of(Book).list(limit=2, sort="title")
    books.of(Book).destroy(page.items[1])
    books.of(Book).create(title="0 first")
    assert titles(books, limit=2, sort="title", after=page.next) == ["Emma", "Ulysses"]


def test_selected_attributes_are_read_and_others_are_not_there(books: StoredScene) -> None:
    with statements(books.store) as seen:
        (first, *_) = books.of(Book).list(select=["title"], sort="-pages").items
    assert (first.title, set(first.model_dump())) == ("Ulysses", {"id", "title"})
    assert "labels" not in seen[0]
    with pytest.raises(AttributeError):
        _ = first.text
    wrong: Any
    for wrong in (["nope"], "title", [7]):
        with pytest.raises(InvalidInputError) as caught:
            books.of(Book).list(select=wrong)
        assert caught.value.path.startswith("$.select")


def test_relations_are_read_with_one_statement_each_however_many_records(library: StoredScene) -> None:
    for index in range(20):
        library.of(Shelf).create(name=f"shelf {index}")
    shelves = library.of(Shelf).list().items
    library.of(Book).create_many(
        {"title": f"book {index}", "shelf_id": shelves[index % 19].id} for index in range(100)
    )
    lone = library.of(Book).create(title="lies on the floor")
    library.of(Loan).create(book_id=lone.id)
    with statements(library.store) as seen:
        page = library.of(Book).list(include=["shelf", "loans"], limit=1000)
        full = library.of(Shelf).list(include=["books"])
    assert len(seen) == 5
    assert all(book.shelf is None or book.shelf.id == book.shelf_id for book in page.items)
    assert (page.items[-1].shelf, len(page.items[-1].loans)) == (None, 1)
    assert [len(shelf.books) for shelf in full.items] == [6] * 5 + [5] * 14 + [0]
    assert library.of(Book).get(lone.id, include=["loans"]).loans[0].book_id == lone.id


def test_a_relation_that_was_not_asked_for_says_how_to_ask(library: StoredScene) -> None:
    book = library.of(Book).create(title="a")
    with pytest.raises(AttributeError, match=r"include=\['shelf'\]"):
        _ = book.shelf
    wrong: Any
    for wrong in (["nope"], "shelf", [7], ["title"]):
        with pytest.raises(InvalidInputError) as caught:
            library.of(Book).list(include=wrong)
        assert caught.value.path.startswith("$.include")


def test_a_list_is_one_statement_and_a_change_a_handful(library: StoredScene) -> None:
    library.of(Shelf).create(name="A")
    counts: list[int] = []
    for act in (
        lambda: library.of(Book).list(filter={"genre": "novel"}, sort="-pages"),
        lambda: library.of(Book).count(),
        lambda: library.of(Shelf).get("A"),
        lambda: library.of(Review).create(stars=1),
        lambda: library.of(Shelf).create(name="B"),
        lambda: library.of(Shelf).update("A", name="C"),
    ):
        with statements(library.store) as seen:
            act()
        counts.append(len(seen))
    assert counts == [1, 1, 1, 1, 2, 3]


def test_deleting_what_is_referred_to_does_as_declared(library: StoredScene) -> None:
    book = library.of(Book).create(title="a")
    review = library.of(Review).create(stars=3, book_id=book.id)
    library.of(Loan).create(book_id=book.id)
    library.of(Book).destroy(book)
    assert library.of(Review).get(review.id).book_id is None
    assert library.of(Loan).count() == 0


def test_a_reference_to_nothing_is_an_error_of_its_attribute(library: StoredScene) -> None:
    with pytest.raises(InvalidInputError) as caught:
        library.of(Loan).create(book_id=uuid4())
    assert caught.value.path == "$.book_id"
