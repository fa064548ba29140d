"""A library: a domain of the tests' own, with one of everything that a resource can declare."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from dspash.errors import InvalidInputError, Problem
from dspash.resources.kernel import (
    Attribute,
    BelongsTo,
    Domain,
    HasMany,
    Resource,
    Scene,
    StateMachine,
    Values,
    create,
    destroy,
    generic,
    update,
)

__all__ = ["LIBRARY", "Binding", "Book", "Edition", "Loan", "Named", "Review", "Shelf", "Ship"]


class Binding(enum.StrEnum):
    """How a book is bound."""

    CLOTH = "cloth"
    PAPER = "paper"


class Edition(BaseModel):
    """A structured value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    year: int
    printed_at: datetime | None = None


class Shelf(Resource, table="shelves"):
    """Where books stand."""

    name: Annotated[str, Attribute("What is written on it.", unique=True, max_length=50)]
    room: Annotated[str, Attribute("Where it is.", max_length=100)] = "hall"
    code: Annotated[str | None, Attribute("What opens it.", sensitive=True)] = None

    books = HasMany("Book", by="shelf_id")

    @create
    def create(scene: Scene, *, name: str, room: str = "hall", code: str | None = None) -> Values:
        """Put up a shelf."""
        return {"name": name, "room": room, "code": code}

    @update
    def update(scene: Scene, record: Shelf, *, name: str | None = None, code: str | None = None) -> Values:
        """Write something else on it."""
        return {"name": name or record.name, "code": code or record.code}

    @create
    def fill(scene: Scene, *, name: str, titles: list[str]) -> Values:
        """Put up a shelf, and its books."""
        for title in titles:
            scene.of(Book).create(title=title)
        return {"name": name}

    @generic
    def titles(scene: Scene, record: Shelf) -> list[str]:
        """What stands on it."""
        return [book.title for book in scene.of(Book).iterate(filter={"shelf_id": record.id})]

    @generic
    def rooms(scene: Scene) -> list[str]:
        """Every room with a shelf."""
        return sorted({shelf.room for shelf in scene.of(Shelf).iterate()})

    @destroy
    def destroy(scene: Scene, record: Shelf) -> None:
        """Take it down, unless it is the last of its room."""
        if scene.of(Shelf).count(filter={"room": record.room}) == 1:
            raise InvalidInputError.of([Problem("$.id", f"is the last shelf of {record.room}")])


class Book(Resource, table="books"):
    """What is read."""

    title: Annotated[str, Attribute("What it is called.", indexed=True, max_length=300)]
    text: Annotated[str, Attribute("What it says.")] = ""
    pages: Annotated[int | None, Attribute("How many there are.", indexed=True)] = None
    price: Annotated[float | None, Attribute("What it costs.")] = None
    lent: Annotated[bool, Attribute("Whether somebody has it.")] = False
    binding: Annotated[Binding, Attribute("How it is bound.", max_length=20)] = Binding.PAPER
    genre: Annotated[Literal["novel", "verse"], Attribute("What it is.", indexed=True, max_length=20)] = (
        "novel"
    )
    cover: Annotated[bytes | None, Attribute("A picture of it.")] = None
    editions: Annotated[tuple[Edition, ...], Attribute("When it came out.")] = ()
    notes: Annotated[JsonValue, Attribute("Whatever is noted of it.")] = None
    labels: Annotated[dict[str, JsonValue], Attribute("How it is labelled.")] = Field(
        default_factory=dict[str, JsonValue]
    )
    bought_at: Annotated[datetime | None, Attribute("When it came.", indexed=True)] = None
    shelf_id: Annotated[UUID | None, Attribute("Where it stands.", references="Shelf")] = None

    shelf = BelongsTo("Shelf", by="shelf_id")
    loans = HasMany("Loan", by="book_id")

    @create
    def create(
        scene: Scene,
        *,
        title: str,
        text: str = "",
        pages: int | None = None,
        price: float | None = None,
        lent: bool = False,
        binding: Binding = Binding.PAPER,
        genre: Literal["novel", "verse"] = "novel",
        cover: bytes | None = None,
        editions: tuple[Edition, ...] = (),
        notes: JsonValue = None,
        labels: dict[str, JsonValue] | None = None,
        bought_at: datetime | None = None,
        shelf_id: UUID | None = None,
    ) -> Values:
        """Buy a book."""
        return {
            "title": title,
            "text": text,
            "pages": pages,
            "price": price,
            "lent": lent,
            "binding": binding,
            "genre": genre,
            "cover": cover,
            "editions": editions,
            "notes": notes,
            "labels": labels or {},
            "bought_at": bought_at,
            "shelf_id": shelf_id,
        }

    @update
    def label(scene: Scene, record: Book, *, labels: dict[str, JsonValue]) -> Values:
        """Label it."""
        return {"labels": labels}


class Loan(Resource, table="loans"):
    """A book that somebody has."""

    book_id: Annotated[UUID, Attribute("The book.", references="Book", on_delete="cascade")]
    status: Annotated[str, Attribute("How far it is.", indexed=True, max_length=20)]

    book = BelongsTo("Book", by="book_id")
    states = StateMachine(
        attribute="status",
        initial="asked",
        transitions={
            ("asked", "hand_out"): "out",
            ("out", "take_back"): "back",
            ("out", "remind"): "late",
            ("late", "take_back"): "back",
            ("back", "destroy"): "gone",
        },
    )

    @create
    def create(scene: Scene, *, book_id: UUID, status: str | None = None) -> Values:
        """Ask for a book."""
        return {"book_id": book_id} if status is None else {"book_id": book_id, "status": status}

    @update
    def hand_out(scene: Scene, record: Loan) -> Values:
        """Give it to them."""
        return {}

    @update
    def take_back(scene: Scene, record: Loan) -> Values:
        """Have it back."""
        return {}

    @generic
    def remind(scene: Scene, record: Loan, *, word: str, fail: bool = False) -> str:
        """Tell them that it is time."""
        if fail:
            raise OSError("the post is on strike")
        return f"{word}, it is {record.status}"

    @generic
    def look(scene: Scene, record: Loan) -> str:
        """Say how far it is."""
        return record.status


class Review(Resource, table="reviews", append_only=True, audited=False):
    """What somebody said of a book."""

    book_id: Annotated[UUID | None, Attribute("The book.", references="Book", on_delete="set null")] = None
    stars: Annotated[int, Attribute("How good it is.", indexed=True)]

    @create
    def create(scene: Scene, *, stars: int, book_id: UUID | None = None) -> Values:
        """Say it."""
        return {"stars": stars, "book_id": book_id}


class Named(Resource):
    """What has a name."""

    name: Annotated[str, Attribute("What it is called.", unique=True)]
    status: Annotated[str, Attribute("How it stands.")]

    states = StateMachine("status", "new", {("new", "rename"): "renamed"})

    @create
    def make(scene: Scene, *, name: str) -> Values:
        """Make one."""
        return {"name": name}

    @update
    def rename(scene: Scene, record: Named, *, name: str) -> Values:
        """Call it otherwise."""
        return {"name": name}


class Ship(Named, table="ships"):
    """A ship."""

    tons: Annotated[int, Attribute("What it carries.")] = 0

    @create
    def make(scene: Scene, *, name: str, tons: int) -> Values:
        """Build one."""
        return {"name": name, "tons": tons}


LIBRARY = Domain([Shelf, Book, Loan, Review])
