"""Tenancy and policies: what one may not see does not exist, and what one may not do is refused first."""

from __future__ import annotations

from typing import Any

import pytest

from dspash.errors import ConfigurationError, ForbiddenError, InvalidInputError, NotFoundError
from dspash.resources.kernel import AuditEntry, Context, StoredScene
from dspash.resources.kernel.policy import OpenPolicy
from tests.resources.library import LIBRARY, Book, Loan, Shelf

BOB = Context(actor="bob", tenant="south", request_id="request-2")


class Reading(OpenPolicy):
    """Nobody destroys; actors called `guest` see novels alone."""

    def permits(self, context: Context, resource: str, action: str) -> bool:
        return action != "destroy"

    def visible(self, context: Context, resource: str) -> dict[str, Any]:
        return {"genre": "novel"} if (context.actor, resource) == ("guest", "Book") else {}


def test_a_tenant_never_meets_the_records_of_another(library: StoredScene) -> None:
    south = library.acting_for(BOB)
    shelf = library.of(Shelf).create(name="A", room="north room")
    book = library.of(Book).create(title="a", shelf_id=shelf.id)
    assert south.of(Shelf).create(name="A").tenant_id == "south"
    for key in (shelf.id, shelf):
        for act in (
            south.of(Shelf).get,
            south.of(Shelf).update,
            south.of(Shelf).destroy,
            south.of(Shelf).titles,
        ):
            with pytest.raises(NotFoundError):
                act(key)
    assert [found.room for found in south.of(Shelf).iterate(include=["books"])] == ["hall"]
    assert (south.of(Book).count(), south.of(Book).list(filter={"or": [{}]}).items) == (0, ())
    assert south.of(Shelf).count(filter={"tenant_id": "north"}) == 0
    with pytest.raises(InvalidInputError, match="there is no Shelf"):
        south.of(Book).create(title="b", shelf_id=shelf.id)
    with pytest.raises(InvalidInputError, match="there is no Book"):
        south.of(Loan).create(book_id=book.id)
    assert {entry.tenant_id for entry in south.of(AuditEntry).iterate()} == {"south"}
    assert library.of(Shelf).get("A") == shelf


@pytest.mark.parametrize("tenant", ["", "   ", "a\0b", "x" * 201, None, 7])
def test_a_context_without_a_tenant_is_none(tenant: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Context(actor="ann", tenant=tenant, request_id="1")
    assert caught.value.path == "tenant"


def test_what_a_policy_hides_does_not_exist_for_the_actor(library: StoredScene) -> None:
    novel = library.of(Book).create(title="n")
    verse = library.of(Book).create(title="v", genre="verse")
    guest = StoredScene(
        Context(actor="guest", tenant="north", request_id="3"),
        domain=LIBRARY,
        store=library.store,
        policy=Reading(),
    )
    assert [book.id for book in guest.of(Book).iterate()] == [novel.id]
    assert guest.of(Book).count() == 1
    for act in (guest.of(Book).get, lambda key: guest.of(Book).label(key, labels={})):
        with pytest.raises(NotFoundError):
            act(verse.id)


def test_what_a_policy_forbids_is_refused_before_anything_else(library: StoredScene) -> None:
    scene = StoredScene(library.context, domain=LIBRARY, store=library.store, policy=Reading())
    with pytest.raises(ForbiddenError) as caught:
        scene.of(Shelf).destroy("there is none")
    assert (caught.value.actor, caught.value.action, caught.value.resource) == ("ann", "destroy", "Shelf")
