"""Postgres: a PostgreSQL cluster of the tests' own, thrown away with them."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import psycopg
from psycopg import sql

from tests.held_folder import held_folder
from tests.leaks import wait_until

__all__ = ["Cluster", "find_postgres", "running_cluster"]

OLDEST = 15
START_S = 30.0
STOP_S = 15.0

# Whoever is still connected may be about to commit.
END_OTHERS = """
    SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
EMPTY = """
    SET session_replication_role = replica; -- so that no order of the tables has to be kept
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT quote_ident(tablename) FROM pg_tables
            WHERE schemaname = 'public' AND tablename <> 'alembic_version'
        LOOP EXECUTE 'DELETE FROM ' || name; END LOOP;
    END $$
"""


def find_postgres() -> Path | None:
    """The folder of PostgreSQL's programs, the newest that is there; None when there is none."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    versions = {int(found.parts[-3]): found.parent for found in folders if found.parts[-3].isdigit()}
    return versions[max(versions)] if versions and max(versions) >= OLDEST else None


class Cluster:
    """A running server. `migrated` is a database with all tables, to make others from."""

    def __init__(self, sockets: Path, superuser: str) -> None:
        self.migrated = "template0"
        self._sockets = sockets
        self._superuser = superuser
        self._numbers = itertools.count(1)
        self._returned: dict[str, str] = {}  # what was lent, by template

    def url(self, database: str) -> str:
        """The address of one database."""
        return f"postgresql://{self._superuser}@/{database}?host={self._sockets}"

    def make_database(self, template: str = "template0") -> str:
        """Make a database, empty or like `template`, and return its name."""
        name = f"test_{next(self._numbers)}"
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template)
        )
        self._execute(command)
        return name

    @contextlib.contextmanager
    def lent_database(self, template: str) -> Generator[str, None, None]:
        """A database like `template`, whose tables are empty. It is emptied afterwards, and lent again: making one for
        each test would cost twenty times as much.
        """
        name = self._returned.pop(template, None) or self.make_database(template)
        yield name
        with psycopg.connect(self.url(name), autocommit=True, connect_timeout=5) as connection:
            connection.execute(END_OTHERS, [int(STOP_S * 1000)])
            connection.execute(EMPTY)
        self._returned[template] = name

    def drop_database(self, name: str) -> None:
        """Drop it, whoever is connected."""
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        with contextlib.suppress(psycopg.OperationalError):
            self._execute(sql.SQL("SELECT 1"))
            return True
        return False

    def _execute(self, command: sql.SQL | sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=5) as connection:
            connection.execute(command)


@contextlib.contextmanager
def running_cluster(programs: Path) -> Generator[Cluster, None, None]:
    """Make a cluster in a temporary folder, and start it; its default order of texts is that of a language."""
    with held_folder("dspash-postgres-") as folder:
        owner = pwd.getpwuid(os.geteuid())
        if os.geteuid() == 0:
            owner = _ordinary_owner()  # PostgreSQL refuses to run as root
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        data = folder / "data"
        initdb = [
            *(str(programs / "initdb"), "--pgdata", str(data), "--username", "dspash", "--encoding", "UTF8"),
            *(
                "--auth",
                "trust",
                "--no-sync",
                "--no-locale",
                "--locale-provider",
                "icu",
                "--icu-locale",
                "en",
            ),
        ]
        made = subprocess.run(
            _as_owner(owner, initdb), cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert made.returncode == 0, made.stderr
        with _server(owner, programs, data, folder):
            cluster = Cluster(folder, "dspash")
            wait_until(cluster.is_ready, "PostgreSQL to take connections", bound_s=START_S)
            yield cluster


@contextlib.contextmanager
def _server(
    owner: pwd.struct_passwd, programs: Path, data: Path, sockets: Path
) -> Generator[None, None, None]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "fsync": "off",
        "max_connections": "60",
        "shared_buffers": "64MB",
    }
    command = [str(programs / "postgres"), "-D", str(data)]
    command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (
        (sockets / "log").open("wb") as log,
        subprocess.Popen(
            _as_owner(owner, command), cwd=sockets, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        ) as server,
    ):
        try:
            yield
        finally:
            server.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(STOP_S / 3)
            server.send_signal(3)  # SIGQUIT: at once, whoever is connected
            server.wait(STOP_S)


def _as_owner(owner: pwd.struct_passwd, command: list[str]) -> list[str]:
    """`command` as the cluster's owner; it ends when this process does."""
    drop = ["--reuid", str(owner.pw_uid), "--regid", str(owner.pw_gid), "--clear-groups"]
    return ["setpriv", *(drop if os.geteuid() == 0 else []), "--pdeathsig", "QUIT", "--", *command]


def _ordinary_owner() -> pwd.struct_passwd:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres")
    return pwd.getpwnam("nobody")
