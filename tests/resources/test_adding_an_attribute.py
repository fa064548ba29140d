"""Adding an attribute touches its resource's file and one migration: everything else is made from the declaration."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Annotated, Any

import pytest
from migration import write_migration
from resource_reference import resources_page

from dspash.cli.domain import read_domain
from dspash.resources import DOMAIN
from dspash.resources.kernel import (
    Attribute,
    AuditEntry,
    Context,
    Domain,
    Resource,
    StoredScene,
    Values,
    create,
)
from dspash.resources.signature import Signature
from dspash.resources.transfer import export_records
from dspash.store import Store
from dspash.store.migrating import MIGRATIONS, Migrations

CONTEXT = Context(actor="ann", tenant="north", request_id="1")
REPOSITORY = Path(__file__).resolve().parents[2]


def with_attribute(attribute: Any, *default: Any) -> Domain:
    """The domain as it is when `language` has been written into the class of signatures."""

    def make(scene: Any, *, name: str, language: str) -> Values:
        """Make a signature that answers in a language."""
        return {"name": name, "output_fields": [], "content_hash": "0", "language": language}

    members: dict[str, Any] = {
        "__doc__": Signature.__doc__,
        "__module__": Signature.__module__,
        "__annotations__": {"language": attribute},
        "make": create(make),
    }
    if default:
        members["language"] = default[0]
    metaclass: Any = type(Signature)
    written: type[Resource] = metaclass("Signature", (Signature,), members, table="signatures")
    return Domain([written if found is Signature else found for found in DOMAIN.resources])


WRITTEN = with_attribute(
    Annotated[str, Attribute("The language of the answers.", indexed=True, max_length=20)], "en"
)


@pytest.fixture
def migrated(tmp_path: Path) -> Migrations:
    """Copy the migrations, and write the next one as scripts/migration does."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder)
    path = write_migration("signature_language", frozenset({"signatures"}), domain=WRITTEN, folder=folder)
    assert path is not None
    body = path.read_text(encoding="utf-8").partition("def upgrade")[2]
    assert body.count("add_column") == body.count("create_index") == 1
    assert "drop" not in body
    return Migrations(folder)


def test_the_migration_keeps_the_records_and_everything_else_knows_the_attribute(
    database: str, migrated: Migrations
) -> None:
    with Store.connect(database) as store:
        store.upgrade()
        before = StoredScene(CONTEXT, domain=DOMAIN, store=store)
        old = before.of(Signature).create(name="QA", inputs=["question"], outputs=["answer"])
    with Store.connect(database, migrations=migrated) as store:
        assert len(store.status().pending) == 1
        store.upgrade()
        scene = StoredScene(CONTEXT, domain=WRITTEN, store=store)
        signatures: Any = scene.of(WRITTEN.resource("Signature"))
        kept = signatures.get("QA")
        assert kept.model_dump() == {**old.model_dump(), "language": "en"}
        new = signatures.make(name="FR", language="fr")
        assert [found.name for found in signatures.list(filter={"language": "fr"}).items] == ["FR"]
        assert [found.name for found in signatures.list(sort="-language").items] == ["FR", "QA"]
        (entry,) = scene.of(AuditEntry).iterate(filter={"record_id": new.id})
        assert entry.changes["language"] == [None, "fr"]
        file = io.StringIO()
        export_records(scene, file)
        assert '"language":"fr"' in file.getvalue()


def test_the_description_the_page_and_the_commands_know_it_without_a_line_of_theirs() -> None:
    described = WRITTEN.describe()
    assert "| `language` | text | The language of the answers. | indexed |" in resources_page(described)
    signatures = read_domain(described)["signatures"]
    assert "language" in [attribute.name for attribute in signatures.attributes]
    make = next(action for action in signatures.actions if action.name == "make")
    assert [argument.name for argument in make.arguments] == ["name", "language"]


def test_an_attribute_that_the_records_there_cannot_have_is_refused_before_it_is_written(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder)
    domain = with_attribute(Annotated[str, Attribute("The language.")])
    with pytest.raises(ValueError, match=r"signatures\.language needs a default"):
        write_migration("signature_language", frozenset({"signatures"}), domain=domain, folder=folder)
    assert Migrations(folder).newest == Migrations().newest


def test_nothing_differs_between_the_declarations_and_what_is_made_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder)
    assert write_migration("nothing", frozenset(), folder=folder) is None
    page = (REPOSITORY / "docs" / "reference" / "resources.md").read_text(encoding="utf-8")
    assert page == resources_page(DOMAIN.describe()), "run scripts/generate resources"
    forms = read_domain(DOMAIN.describe())
    for declared in DOMAIN.declarations.values():
        names = list(declared.attributes)
        assert names == list(DOMAIN.table(declared).c.keys())
        assert names == [attribute.name for attribute in forms[declared.table.replace("_", "-")].attributes]
        assert all(f"| `{found.name}` |" in page for found in declared.own)
