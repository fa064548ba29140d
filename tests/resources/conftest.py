"""What the tests of resources share: an empty library on either database, and a count of statements."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from dspash.resources.kernel import Context, StoredScene
from dspash.store import Store
from tests.conftest import DATABASES
from tests.resources.library import LIBRARY

if TYPE_CHECKING:
    from tests.postgres import Cluster

ANN = Context(actor="ann", tenant="north", request_id="request-1")


def make_tables(address: str) -> None:
    """Give a database the tables of a library."""
    with Store.connect(address) as store, store.transaction() as connection:
        LIBRARY.metadata.create_all(connection)


@pytest.fixture(scope="session")
def library_template(postgres: Cluster) -> str:
    """Return the database of PostgreSQL that has the tables of a library."""
    name = postgres.make_database()
    make_tables(postgres.url(name))
    return name


@pytest.fixture(params=DATABASES)
def library(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[StoredScene, None, None]:
    """Open an empty library, in a database of either kind."""
    with ExitStack() as lent:
        address = str(tmp_path / "library.db")
        if request.param == "sqlite":
            make_tables(address)
        else:
            cluster: Cluster = request.getfixturevalue("postgres")
            template = request.getfixturevalue("library_template")
            address = cluster.url(lent.enter_context(cluster.lent_database(template)))
        with Store.connect(address) as store:
            yield StoredScene(ANN, domain=LIBRARY, store=store)


@contextmanager
def statements(store: Store) -> Generator[list[str], None, None]:
    """Note every statement but those that begin, end and divide transactions."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")):
            seen.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store.engine, "before_cursor_execute", note)
