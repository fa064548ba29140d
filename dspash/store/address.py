"""Address: where the database is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from dspash.errors import ConfigurationError

__all__ = ["VARIABLE", "Address", "default_path"]

VARIABLE: Final = "DSPASH_DATABASE_URL"
"""The environment's word for where the database is."""

_WAY_OUT: Final = "give the path of a file, sqlite:///path or postgresql://user@host/database"


def default_path() -> Path:
    """The file in the user's data folder that is used when nothing else is named."""
    import platformdirs

    return platformdirs.user_data_path("dspash") / "dspash.db"


@dataclass(frozen=True, slots=True)
class Address:
    """A database: `path` is the file of a SQLite one, None for PostgreSQL."""

    url: URL
    path: Path | None

    @classmethod
    def read(cls, database: str | os.PathLike[str] | None) -> Address:
        """The address that `database` means: a path, a URL, or nothing for the default.

        Raises ConfigurationError.
        """
        named = os.environ.get(VARIABLE) if database is None else os.fspath(database)
        if not named:
            return cls._of_file(default_path())
        if "\0" in named:
            raise ConfigurationError("database", f"{named!r:.200} is no address", _WAY_OUT)
        if "://" not in named:
            return cls._of_file(Path(named))
        try:
            url = make_url(named)
        except (ArgumentError, ValueError):
            # Not quoted: what is no URL may still have a password in it.
            raise ConfigurationError("database", "this is no database URL", _WAY_OUT) from None
        match url.get_backend_name():
            case "sqlite" if url.database and url.database != ":memory:":
                return cls._of_file(Path(url.database))
            case "sqlite":
                problem = "a database in memory is one per connection, and gone with it"
                raise ConfigurationError("database", problem, "give the path of a file")
            case "postgresql" | "postgres":
                return cls(url.set(drivername="postgresql+psycopg"), None)
            case other:
                raise ConfigurationError("database", f"{other} databases are not supported", _WAY_OUT)

    def __str__(self) -> str:
        """The address without its password."""
        if self.path is not None:
            return str(self.path)
        return self.url.set(drivername="postgresql").render_as_string(hide_password=True)

    @classmethod
    def _of_file(cls, path: Path) -> Address:
        absolute = path.expanduser().absolute()
        return cls(URL.create("sqlite+pysqlite", database=str(absolute)), absolute)
