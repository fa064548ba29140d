"""Plans: lists over what is indexed read their page from the index alone, however many records there are."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from sqlalchemy import event

from dspash.resources import DOMAIN
from dspash.resources.kernel import Context, StoredScene
from dspash.resources.persistence.page import Order
from dspash.store import Store
from tests.resources.furnished import furnish

INDEXED = [
    (declared.name, attribute.name)
    for declared in DOMAIN.declarations.values()
    for attribute in declared.attributes.values()
    if attribute.spec.indexed or attribute.spec.references
]
TOGETHER = [(declared.name, names) for declared in DOMAIN.declarations.values() for names in declared.indexes]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Generator[StoredScene, None, None]:
    """Open a database with a record of every resource."""
    with Store.open(tmp_path_factory.mktemp("plans") / "test.db") as store:
        opened = StoredScene(Context(actor="ann", tenant="north", request_id="1"), domain=DOMAIN, store=store)
        furnish(opened)
        yield opened


def plan(scene: StoredScene, name: str, **arguments: Any) -> list[str]:
    """How SQLite would read the page, step by step."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(scene.store.engine, "before_cursor_execute", note)
    try:
        scene.of(DOMAIN.resource(name)).list(**arguments)
    finally:
        event.remove(scene.store.engine, "before_cursor_execute", note)
    statement, parameters = asked[0]
    with scene.store.read() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    return [row[3] for row in rows]


@pytest.mark.parametrize(("name", "attribute"), INDEXED)
@pytest.mark.parametrize("direction", ["", "-"])
def test_a_page_in_the_order_of_an_index_is_read_from_it(
    scene: StoredScene, name: str, attribute: str, direction: str
) -> None:
    sort = direction + attribute
    declared = DOMAIN.declaration(name)
    order = Order(declared, DOMAIN.table(declared), sort)
    record = scene.of(declared.record).list(limit=1).items[0]
    place = order.cursor({key: getattr(record, key) for key in order.names})
    for after in (None, place):
        steps = plan(scene, name, sort=sort, after=after)
        assert not any("TEMP B-TREE" in step for step in steps), steps
        assert any("USING INDEX" in step for step in steps), steps


@pytest.mark.parametrize(("name", "attribute"), INDEXED)
@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
def test_a_filtered_page_in_the_order_of_making_is_found_by_the_index(
    scene: StoredScene, name: str, attribute: str, sort: str
) -> None:
    record = scene.of(DOMAIN.resource(name)).list(limit=1).items[0]
    steps = plan(scene, name, filter={attribute: getattr(record, attribute)}, sort=sort)
    assert not any("TEMP B-TREE" in step for step in steps), steps
    assert any(step.startswith("SEARCH") and "USING INDEX" in step for step in steps), steps


@pytest.mark.parametrize(("name", "attributes"), TOGETHER)
def test_a_page_filtered_by_what_is_indexed_together_is_read_from_that_index(
    scene: StoredScene, name: str, attributes: tuple[str, ...]
) -> None:
    record = scene.of(DOMAIN.resource(name)).list(limit=1).items[0]
    wanted = {attribute: getattr(record, attribute) or "any" for attribute in attributes}
    (step,) = plan(scene, name, filter=wanted, sort="-created_at")
    assert all(f"{attribute}=?" in step for attribute in attributes), step
