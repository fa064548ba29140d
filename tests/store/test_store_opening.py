"""Opening a store: where it is, which revision its tables are at, and what it refuses."""

from __future__ import annotations

from dspash.store import Store


def test_an_empty_database_can_be_brought_up_to_date_and_then_opened(database: str) -> None:
    with Store.connect(database) as store:
        status = store.upgrade()
        assert status.pending == ()
    with Store.open(database) as store:
        assert store.status() == status
