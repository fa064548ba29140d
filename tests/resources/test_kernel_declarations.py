"""Declarations: what they are made of, what contradicts itself, and that they tell everything as data."""

from __future__ import annotations

import json
from typing import Annotated, Any
from uuid import UUID

import pytest
from pydantic import JsonValue

from dspash.resources.kernel import (
    Attribute,
    BelongsTo,
    Domain,
    Resource,
    Scene,
    StateMachine,
    Values,
    create,
    declaration_of,
    update,
)
from tests.resources.library import LIBRARY, Named, Shelf, Ship


def declared(**members: Any) -> type[Resource]:
    """A resource with these members and annotations."""
    annotations = members.pop("annotations", {})
    indexes = members.pop("indexes", ())
    metaclass: Any = type(Resource)
    return metaclass(
        "Thing",
        (Resource,),
        {"__doc__": "A thing.", "__module__": __name__, "__annotations__": annotations, **members},
        table="things",
        indexes=indexes,
    )


def act(scene: Scene, *, name: str) -> Values:
    """Do it."""
    return {"name": name}


def act_on(scene: Scene, record: Resource) -> Values:
    """Do it."""
    return {}


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"annotations": {"name": str}}, "needs an Attribute"),
        ({"__doc__": None}, "docstring"),
        (
            {"annotations": {"tags": Annotated[list[str], Attribute("Tags.", indexed=True)]}},
            "cannot be indexed",
        ),
        (
            {"annotations": {"name": Annotated[str, Attribute("Name.", unique=True, max_length=501)]}},
            "500 at most",
        ),
        ({"annotations": {"of": Annotated[str, Attribute("Of.", references="Other")]}}, "must be UUID"),
        (
            {"annotations": {"of": Annotated[UUID, Attribute("Of.", references="O", on_delete="set null")]}},
            "must admit None",
        ),
        ({"make": update(act)}, "does not go with its parameters"),
        ({"make": create(act_on)}, "does not go with its parameters"),
        ({"states": StateMachine("status", "a", {})}, "no attribute"),
        ({"indexes": [("created_at", "nothing")]}, "an index names nothing"),
        (
            {
                "annotations": {"status": Annotated[str, Attribute("State.")]},
                "states": StateMachine("status", "a", {("a", "fly"): "b"}),
            },
            "the action fly",
        ),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused_by_name(members: dict[str, Any], told: str) -> None:
    with pytest.raises(TypeError, match=told) as caught:
        declaration_of(declared(**members))
    assert "Thing" in str(caught.value)


def test_what_resources_have_in_common_is_declared_once() -> None:
    ship = declaration_of(Ship)
    assert ship.key == "name"
    assert ship.states is Named.states
    assert [found.name for found in ship.own] == ["name", "status", "tons"]
    assert {name: action.doc for name, action in ship.actions.items()} == {
        "make": "Build one.",
        "rename": "Call it otherwise.",
    }
    with pytest.raises(TypeError, match="Named: it has no table"):
        declaration_of(Named)


def test_a_domain_refuses_what_does_not_fit_together() -> None:
    with pytest.raises(TypeError, match="Other is no resource"):
        Domain([declared(other=BelongsTo("Other", by="id"))])
    with pytest.raises(TypeError, match="no attribute nothing"):
        Domain([declared(other=BelongsTo("Thing", by="nothing"))])
    with pytest.raises(TypeError, match="same table or the same name"):
        Domain([declared(), declared()])
    with pytest.raises(TypeError, match="the domain does not have"):
        _ = Domain(
            [declared(annotations={"of": Annotated[UUID, Attribute("Of.", references="Nobody")]})]
        ).metadata


def test_json_that_may_be_null_has_a_column_that_may() -> None:
    found = declaration_of(declared(annotations={"any": Annotated[JsonValue, Attribute("Any.")]}))
    assert found.attributes["any"].nullable


def test_a_resource_is_found_by_its_name_and_by_its_table() -> None:
    assert LIBRARY.resource("Shelf") is LIBRARY.resource("shelves") is Shelf
    with pytest.raises(KeyError, match="there are Shelf"):
        LIBRARY.resource("Shelves")


def test_the_description_is_plain_data_with_everything_in_it() -> None:
    told = json.loads(json.dumps(LIBRARY.describe()))
    by_name = {resource["name"]: resource for resource in told["resources"]}
    assert list(by_name) == ["Shelf", "Book", "Loan", "Review", "AuditEntry"]
    shelf, book, loan, review = (by_name[name] for name in ("Shelf", "Book", "Loan", "Review"))
    assert (shelf["table"], shelf["key"], book["key"]) == ("shelves", "name", None)
    attributes = {attribute["name"]: attribute for attribute in book["attributes"]}
    assert attributes["pages"] == {
        "name": "pages",
        "doc": "How many there are.",
        "kind": "integer",
        "nullable": True,
        "required": False,
        "unique": False,
        "indexed": True,
        "sensitive": False,
        "references": None,
        "on_delete": None,
        "max_length": None,
        "schema": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "default": None,
    }
    assert attributes["editions"]["schema"]["$defs"]["Edition"]["required"] == ["year"]
    assert (attributes["labels"]["default"], attributes["binding"]["default"]) == ({}, "paper")
    assert (attributes["shelf_id"]["references"], attributes["shelf_id"]["on_delete"]) == (
        "Shelf",
        "restrict",
    )
    assert [attribute["name"] for attribute in shelf["attributes"] if attribute["sensitive"]] == ["code"]
    assert [action["name"] for action in shelf["actions"]] == [
        *("get", "list", "count", "create", "update", "fill", "titles", "rooms", "destroy")
    ]
    titles = next(action for action in shelf["actions"] if action["name"] == "titles")
    assert (titles["kind"], titles["takes_record"], titles["default"]) == ("generic", True, False)
    assert titles["result"] == {"items": {"type": "string"}, "type": "array"}
    assert [action["name"] for action in review["actions"]] == ["get", "list", "count", "create"]
    assert {relation["name"]: relation["kind"] for relation in book["relations"]} == {
        "shelf": "BelongsTo",
        "loans": "HasMany",
    }
    assert loan["states"]["initial"] == "asked"
