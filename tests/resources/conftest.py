"""What the tests of resources share: an empty library on either database, and a count of statements."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from dspash.resources.kernel import Context, StoredScene
from dspash.store import Store
from tests.resources.library import LIBRARY

ANN = Context(actor="ann", tenant="north", request_id="request-1")


@pytest.fixture
def library(database: str) -> Generator[StoredScene, None, None]:
    """Open an empty library."""
    with Store.connect(database) as store:
        with store.transaction() as connection:
            LIBRARY.metadata.create_all(connection)
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
