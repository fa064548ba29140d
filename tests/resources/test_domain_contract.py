"""The contract of every resource, made from what the domain says of itself: none is listed here."""

from __future__ import annotations

import io
import json
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from dspash.errors import DspashError, InvalidInputError, NotFoundError
from dspash.resources import DOMAIN
from dspash.resources.kernel import AuditEntry, Context, StoredScene, declaration_of
from dspash.resources.transfer import export_records, import_records
from dspash.store import Store
from tests.conftest import DATABASES
from tests.resources.conftest import statements
from tests.resources.furnished import furnish
from tests.resources.payloads import arguments_of, filters_of, hostile

DESCRIBED: Final[dict[str, Any]] = {found["name"]: found for found in DOMAIN.describe()["resources"]}
WRITING: Final = [
    (name, action)
    for name, found in DESCRIBED.items()
    for action in found["actions"]
    if action["kind"] in {"create", "update"}
]
PAYLOADS: Final = 10_000  # over all actions
EACH: Final = -(-PAYLOADS // len(WRITING))
COUNTS: Final = text(
    " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in DOMAIN.metadata.tables)
)
CONTEXT: Final = Context(actor="ann", tenant="north", request_id="1")

# Payloads of megabytes are part of what is tried.
quietly = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    derandomize=True,
    database=None,
)


class UndoneError(Exception):
    """Ends a transaction that is to leave nothing."""


@pytest.fixture(scope="module", params=DATABASES)
def furnished(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[StoredScene, None, None]:
    """Open a database that has a record of every resource."""
    address: Any = tmp_path_factory.mktemp("furnished") / "test.db"
    if request.param == "postgresql":
        cluster = request.getfixturevalue("postgres")
        address = cluster.url(cluster.make_database(template=cluster.migrated))
    with Store.open(address) as store:
        scene = StoredScene(CONTEXT, domain=DOMAIN, store=store)
        furnish(scene)
        yield scene


def counted(scene: StoredScene) -> dict[str, int]:
    """How many rows each table has."""
    with scene.reading() as connection:
        return {name: count for name, count in connection.execute(COUNTS)}  # noqa: C416 - rows, not pairs


def some(scene: StoredScene, name: str) -> Any:
    """The first record of the resource."""
    return scene.of(DOMAIN.resource(name)).list(limit=1).items[0]


def test_a_furnished_database_has_a_record_of_every_resource(furnished: StoredScene) -> None:
    missing = [name for name in DESCRIBED if not furnished.of(DOMAIN.resource(name)).count()]
    assert missing == [], "tests/resources/furnished.py makes one of each"


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "action"), WRITING, ids=[f"{name}.{found['name']}" for name, found in WRITING]
)
def test_whatever_is_given_to_an_action_it_writes_all_of_it_or_nothing_and_tells_why(
    furnished: StoredScene, name: str, action: dict[str, Any]
) -> None:
    resource = DOMAIN.resource(name)

    target = (some(furnished, name),) if action["takes_record"] else ()
    before = counted(furnished)

    def attempt(scene: StoredScene, payload: dict[str, Any]) -> None:
        try:
            made = getattr(scene.of(resource), action["name"])(*target, **payload)
        except DspashError as error:
            assert counted(scene) == before
            assert len(str(error)) < 5000  # noqa: PT017 - only some of the payloads are refused
        else:
            assert scene.of(resource).get(made.id) == made
            assert scene.of(resource).list(filter={"id": made.id}).items == (made,)

    @settings(quietly, max_examples=EACH if furnished.store.is_sqlite else EACH // 10)
    @given(arguments_of(action["arguments"]))
    def attempts(payload: dict[str, Any]) -> None:
        with suppress(UndoneError), furnished.transaction() as scene:
            attempt(scene, payload)
            raise UndoneError

    attempts()
    assert counted(furnished) == before


@pytest.mark.parametrize("name", DESCRIBED)
def test_whatever_is_asked_of_a_list_it_answers_or_tells_why(furnished: StoredScene, name: str) -> None:
    collection = furnished.of(DOMAIN.resource(name))
    attributes = [found["name"] for found in DESCRIBED[name]["attributes"]]
    words = st.sampled_from([*attributes, *(f"-{one}" for one in attributes)])

    @settings(quietly, max_examples=60)
    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "filter": filters_of(attributes),
                "sort": st.lists(words, min_size=1, max_size=2) | hostile,
                "limit": st.integers(-1, 1001) | hostile,
                "after": hostile,
                "include": st.lists(st.sampled_from(["program", "module"])) | hostile,
                "select": st.lists(words) | hostile,
            },
        ),
        hostile,
    )
    def ask(arguments: dict[str, Any], key: Any) -> None:
        try:
            page = collection.list(**arguments)
        except InvalidInputError as error:
            assert len(str(error)) < 5000  # noqa: PT017 - only some of the lists are refused
        else:
            assert len(page.items) <= 1000
        with pytest.raises((InvalidInputError, NotFoundError)):
            collection.get(key)

    ask()


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_record_is_found_by_each_of_its_values_and_lists_sort_by_each(
    furnished: StoredScene, name: str
) -> None:
    collection = furnished.of(DOMAIN.resource(name))
    record = some(furnished, name)
    for attribute in DOMAIN.declaration(name).attributes.values():
        value = getattr(record, attribute.name)
        if attribute.is_comparable:
            found = collection.list(filter={attribute.name: value}, limit=1000).items
            assert record.id in {one.id for one in found}, attribute.name
        if attribute.is_sortable:
            up = [one.id for one in collection.iterate(sort=attribute.name)]
            down = [one.id for one in collection.iterate(sort=f"-{attribute.name}")]
            assert up == down[::-1], attribute.name
            assert len(up) == collection.count()


@pytest.mark.parametrize("name", DESCRIBED)
def test_each_relation_leads_where_it_says_with_one_statement(furnished: StoredScene, name: str) -> None:
    for relation in DESCRIBED[name]["relations"]:
        with statements(furnished.store) as seen:
            page = furnished.of(DOMAIN.resource(name)).list(include=[relation["name"]])
        assert len(seen) <= 2
        for record in page.items:
            found = getattr(record, relation["name"])
            related = found if isinstance(found, tuple) else [found] if found is not None else []
            for other in related:
                assert type(other).__name__ == relation["resource"]
                pair = (other, record) if relation["kind"] == "HasMany" else (record, other)
                assert getattr(pair[0], relation["by"]) == pair[1].id


@pytest.mark.parametrize("name", DESCRIBED)
def test_another_tenant_meets_nothing_of_it(furnished: StoredScene, name: str) -> None:
    other = furnished.acting_for(Context(actor="bob", tenant="south", request_id="2"))
    record = some(furnished, name)
    assert other.of(DOMAIN.resource(name)).count() == 0
    with pytest.raises(NotFoundError):
        other.of(DOMAIN.resource(name)).get(record.id)


@pytest.mark.parametrize("name", [name for name, found in DESCRIBED.items() if found["audited"]])
def test_every_version_of_a_record_has_its_entry_in_the_audit(furnished: StoredScene, name: str) -> None:
    entries = list(furnished.of(AuditEntry).iterate(filter={"resource": name}))
    versions = {(entry.record_id, entry.record_version) for entry in entries}
    assert versions == {
        (record.id, version)
        for record in furnished.of(DOMAIN.resource(name)).iterate()
        for version in range(1, record.version + 1)
    }


def test_the_description_and_the_tables_are_of_the_same_attributes() -> None:
    for found in DESCRIBED.values():
        table = DOMAIN.metadata.tables[found["table"]]
        assert [attribute["name"] for attribute in found["attributes"]] == list(table.c.keys())
        for attribute in found["attributes"]:
            column = table.c[attribute["name"]]
            assert column.nullable == attribute["nullable"]
            references = {key.column.table.name for key in column.foreign_keys}
            wanted = attribute["references"]
            assert references == ({DESCRIBED[wanted]["table"]} if wanted else set())
    assert {found["table"] for found in DESCRIBED.values()} == set(DOMAIN.metadata.tables)
    json.dumps(DESCRIBED)


def test_all_records_travel_to_another_database_and_lose_their_secrets_alone(
    furnished: StoredScene, tmp_path: Path
) -> None:
    file = io.StringIO()
    counts = export_records(furnished, file)
    assert set(counts) == set(DESCRIBED)
    file.seek(0)
    with Store.open(tmp_path / "other.db") as store:
        other = StoredScene(CONTEXT, domain=DOMAIN, store=store)
        assert import_records(other, file) == counts
        for resource in DOMAIN.resources:
            hidden = {each.name: None for each in declaration_of(resource).own if each.spec.sensitive}
            left = [record.model_copy(update=hidden) for record in furnished.of(resource).iterate()]
            assert list(other.of(resource).iterate()) == left
