"""The store: one database, SQLite by default or PostgreSQL, its tables' history, and writing in groups."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dspash.store.address import Address, default_path
    from dspash.store.group_writer import GroupWriter
    from dspash.store.migrating import MigrationStatus
    from dspash.store.store import Durability, Store, Vacuumed

__all__ = ["Address", "Durability", "GroupWriter", "MigrationStatus", "Store", "Vacuumed", "default_path"]

_HOME_OF: Final = {
    "Address": "address",
    "default_path": "address",
    "Durability": "store",
    "GroupWriter": "group_writer",
    "MigrationStatus": "migrating",
    "Store": "store",
    "Vacuumed": "store",
}


def __getattr__(name: str) -> Any:
    # SQLAlchemy takes a while to load: it is loaded when a database is first opened.
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
