"""Opening a store: where it is, which revision its tables are at, and what it refuses."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from dspash.errors import ClosedError, ConfigurationError, ReentrancyError, StoreError, StoreVersionError
from dspash.resources import DOMAIN
from dspash.resources.kernel import Context, StoredScene
from dspash.resources.signature import Signature
from dspash.store import Store
from dspash.store.address import VARIABLE, Address, default_path
from dspash.store.migrating import MIGRATIONS, Migrations

CONTEXT = Context(actor="ann", tenant="north", request_id="1")


def scene_of(store: Store) -> StoredScene:
    return StoredScene(CONTEXT, domain=DOMAIN, store=store)


def test_an_empty_database_can_be_brought_up_to_date_and_then_opened(database: str) -> None:
    with Store.connect(database) as store:
        assert store.status().current is None
        status = store.upgrade()
        assert (status.current, status.pending) == (status.newest, ())
        assert store.upgrade() == status
    with Store.open(database) as store:
        assert store.status() == status


def test_the_migrations_make_exactly_the_tables_that_the_resources_declare(store: Store) -> None:
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, DOMAIN.metadata) == []


def test_every_table_says_whose_each_row_is() -> None:
    assert all(
        "tenant_id" in table.c and not table.c.tenant_id.nullable for table in DOMAIN.metadata.sorted_tables
    )


def test_the_revisions_are_one_line_of_numbers() -> None:
    revisions = Migrations().revisions
    assert list(revisions) == [f"{number:04d}" for number in range(1, len(revisions) + 1)]
    scripts = ScriptDirectory(str(MIGRATIONS)).walk_revisions()
    assert [script.revision for script in scripts] == [*reversed(revisions)]  # as their files are called


def test_a_database_from_an_older_dspash_is_upgraded_with_all_it_holds(database: str) -> None:
    with Store.connect(database) as store:
        store.upgrade(to="0001")
        made = scene_of(store).of(Signature).create(name="QA", inputs=["question"], outputs=["answer"])
        assert store.status().pending
    if Path(database).is_file():
        with Store.open(database) as store:
            assert store.status().pending == ()
            assert scene_of(store).of(Signature).get("QA") == made
    else:
        with pytest.raises(StoreVersionError, match="dspash db upgrade") as caught:
            Store.open(database)
        assert (caught.value.found, caught.value.expected) == ("0001", Migrations().newest)
        with Store.connect(database) as store:
            store.upgrade()
            assert scene_of(store).of(Signature).get("QA") == made


def test_a_database_from_a_newer_dspash_is_refused_and_left_alone(database: str) -> None:
    with Store.connect(database) as store:
        store.upgrade()
        with store.transaction() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreVersionError, match="newer dspash") as caught:
        Store.open(database)
    assert (caught.value.found, caught.value.expected) == ("9999", Migrations().newest)
    with Store.connect(database) as store:
        for act in (store.status, store.upgrade):
            with pytest.raises(StoreVersionError):
                act()


def test_a_database_is_never_taken_back(database: str) -> None:
    with Store.connect(database) as store:
        store.upgrade()
        for revision, told in (("0001", "never taken back"), ("0000", "no such revision")):
            with pytest.raises(StoreVersionError, match=told):
                store.upgrade(to=revision)
        assert store.status().pending == ()


def test_an_upgrade_that_fails_changes_nothing(database: str, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(Path(Migrations.__module__.replace(".", "/")).parent / "migrations", folder)
    newest = Migrations().newest
    number = f"{int(newest) + 1:04d}"
    (folder / "versions" / f"r{number}_broken.py").write_text(
        f"from alembic import op\nrevision = '{number}'\ndown_revision = '{newest}'\n"
        "def upgrade():\n    op.execute('CREATE TABLE half (id INTEGER)')\n    op.execute('CREATE nonsense')\n"
    )
    with Store.connect(database) as store:
        store.upgrade()
    with Store.connect(database, migrations=Migrations(folder)) as store:
        with pytest.raises(Exception, match=r"(?i)syntax"):
            store.upgrade()
        assert (store.status().current, store.status().pending) == (newest, (number,))
        with store.read() as connection, pytest.raises(Exception, match=r"(?i)no such table|does not exist"):
            connection.execute(text("SELECT * FROM half"))


def test_a_table_that_others_refer_to_is_remade_without_a_loss(database: str, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    header = "import sqlalchemy as sa\nfrom alembic import op\n"
    (folder / "versions" / "r0001.py").write_text(
        f"{header}revision = '0001'\ndown_revision = None\ndef upgrade():\n"
        "    op.create_table('a', sa.Column('id', sa.Integer(), primary_key=True), sa.Column('x', sa.Text()))\n"
        "    op.create_table('b', sa.Column('a', sa.Integer(), sa.ForeignKey('a.id', ondelete='CASCADE')))\n"
        "    op.execute(\"INSERT INTO a VALUES (1, 'x')\")\n    op.execute('INSERT INTO b VALUES (1)')\n"
    )
    (folder / "versions" / "r0002.py").write_text(
        f"{header}revision = '0002'\ndown_revision = '0001'\ndef upgrade():\n"
        "    with op.batch_alter_table('a') as batch:\n        batch.alter_column('x', nullable=False)\n"
    )
    with Store.connect(database, migrations=Migrations(folder)) as store:
        store.upgrade(to="0001")
        store.upgrade()
        with store.read() as connection:
            assert connection.execute(text("SELECT a FROM b")).all() == [(1,)]
        with pytest.raises(IntegrityError), store.transaction() as connection:
            connection.execute(text("INSERT INTO b VALUES (7)"))


@pytest.mark.parametrize(
    "database",
    [
        "mysql://host/x",
        "sqlite://",
        "sqlite:///:memory:",
        "http://x",
        "nonsense://",
        "a\0b",
        "postgresql://x:port/y",
    ],
)
def test_what_is_no_address_is_told_without_its_secrets(database: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Store.open(database)
    assert caught.value.path == "database"


def test_no_message_has_the_password() -> None:
    url = "postgresql://ann:s3cret@127.0.0.1:1/none"
    assert "s3cret" not in str(Address.read(url))
    with pytest.raises(StoreError) as caught:
        Store.open(url)
    assert "s3cret" not in str(caught.value) + repr(caught.value)


def test_the_database_comes_from_the_environment_and_else_is_the_users_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    assert Address.read(None).path == default_path() == tmp_path / "dspash" / "dspash.db"
    monkeypatch.setenv(VARIABLE, f"sqlite:///{tmp_path}/mine.db")
    assert Address.read(None).path == tmp_path / "mine.db"
    assert Address.read(tmp_path / "other.db").path == tmp_path / "other.db"


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes " * 1000)
    with pytest.raises(StoreError, match=r"not a database"):
        Store.open(path)
    assert path.read_text() == "my notes " * 1000


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="folder cannot be made"):
        Store.open(tmp_path / "file" / "sub" / "x.db")
    with pytest.raises(StoreError, match="unable to open"):
        Store.open(tmp_path)


def test_vacuuming_gives_back_the_room_of_what_is_gone(store: Store) -> None:
    scene = scene_of(store)
    made = [
        scene.of(Signature).create(name=f"s{index}", inputs=[], outputs=["a"], docstring="x" * 20_000)
        for index in range(100)
    ]
    for record in made:
        scene.of(Signature).destroy(record)
    before = store.size()
    done = store.vacuum()
    assert done.after < done.before or not store.is_sqlite
    assert done.after > 0
    assert (before == done.before and store.size() == done.after) or not store.is_sqlite
    assert scene.of(Signature).count() == 0


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    for act in (store.read, store.transaction):
        with pytest.raises(ClosedError), act():
            pytest.fail("it is closed")


def test_a_second_transaction_in_one_thread_is_refused_where_it_would_wait_for_itself(tmp_path: Path) -> None:
    with (
        Store.open(tmp_path / "x.db") as store,
        store.transaction(),
        pytest.raises(ReentrancyError),
        store.transaction(),
    ):
        pytest.fail("there is one already")


def test_several_processes_may_make_the_same_new_file(tmp_path: Path) -> None:
    code = "import sys; from dspash.store import Store; Store.open(sys.argv[1]).close()"
    path = tmp_path / "new.db"
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    with Store.open(path) as store:
        assert store.status().pending == ()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
