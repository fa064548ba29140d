"""Store errors: the database cannot be used as asked."""

from __future__ import annotations

from dspash.errors.dspash_error import DspashError

__all__ = ["StoreBusyError", "StoreError", "StoreVersionError"]


class StoreError(DspashError):
    """The database could not do what was asked; `database` names it without its password. Fix what `str()` says."""

    def __init__(self, database: str, problem: str, way_out: str, *, retryable: bool = False) -> None:
        self.database = database
        super().__init__(f"database {database}: {problem}; {way_out}", retryable=retryable)


class StoreBusyError(StoreError):
    """Another writer held the database for the whole of the wait; nothing was written. Wait, then retry."""

    def __init__(self, database: str, *, waited_s: float) -> None:
        self.waited_s = waited_s
        super().__init__(
            database,
            f"other writers held it for {waited_s:g} s",
            "retry later, or end the program that holds it",
            retryable=True,
        )


class StoreVersionError(StoreError):
    """The database's tables are not those of this dspash: `found` and `expected` are revisions.

    Fix it by upgrading the older of the two.
    """

    def __init__(self, database: str, *, found: str, expected: str, way_out: str) -> None:
        self.found = found
        self.expected = expected
        super().__init__(
            database, f"its tables are at revision {found}, and this dspash needs {expected}", way_out
        )
