"""What every test may count on: skipping by name when a system part is missing, and the real data sets."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from dspash.store import Store
    from tests.postgres import Cluster

REPOSITORY = Path(__file__).resolve().parent.parent
DATABASES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql))
BENCH_PEERS = ("deno", "execnet", "grpc", "loky", "pebble", "pydantic_monty")

# No deadline and no "too slow": what a busy machine does to a test's speed is not the test's outcome.
hypothesis.settings.register_profile(
    "dspash", deadline=None, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("dspash")


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0


@functools.cache
def missing_for_erlang() -> str | None:
    """Return what keeps an Erlang host from running here, or None."""
    if shutil.which("escript") is None:
        return "escript is missing (apt package erlang-base)"
    if not _succeeds("erl", "-noshell", "-eval", "{module, _} = code:ensure_loaded(jiffy), halt(0)."):
        return "Erlang's jiffy is missing (apt package erlang-jiffy)"
    return None


@functools.cache
def missing_for_bwrap() -> str | None:
    """Return what keeps bubblewrap from making a PID namespace here, or None."""
    if shutil.which("bwrap") is None:
        return "bwrap is missing (apt package bubblewrap)"
    if not _succeeds("bwrap", "--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "true"):
        return "bwrap may not make namespaces here"
    return None


@functools.cache
def missing_for_bench() -> str | None:
    """Return which of the benchmark's peers are not installed, or None."""
    missing = [name for name in BENCH_PEERS if importlib.util.find_spec(name) is None]
    return f"{', '.join(missing)} missing (pip extra dspash[bench])" if missing else None


def missing_for_postgresql() -> str | None:
    """Return what keeps a PostgreSQL cluster from being made here, or None."""
    if importlib.util.find_spec("psycopg") is None:
        return "psycopg is missing (pip extra dspash[postgres])"
    from tests.postgres import find_postgres

    return None if find_postgres() else "PostgreSQL 15 or later is missing (apt package postgresql)"


REQUIREMENTS = {
    "bench": missing_for_bench,
    "bwrap": missing_for_bwrap,
    "erlang": missing_for_erlang,
    "postgresql": missing_for_postgresql,
}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Pass over files without serial tests when only those are wanted; reading all of them takes ten seconds."""
    wanted: str = config.option.markexpr
    is_serial_pass = wanted == "serial" or wanted.endswith("and serial")
    if is_serial_pass and collection_path.name.startswith("test_") and collection_path.suffix == ".py":
        return True if "pytest.mark.serial" not in collection_path.read_text(encoding="utf-8") else None
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a marked test, naming what is missing."""
    for marker, find_missing in REQUIREMENTS.items():
        if item.get_closest_marker(marker) is not None and (missing := find_missing()) is not None:
            pytest.skip(missing)


@pytest.fixture(scope="session")
def postgres() -> Generator[Cluster, None, None]:
    """Run a PostgreSQL cluster; its database `migrated` has all tables."""
    from dspash.store import Store
    from tests.postgres import find_postgres, running_cluster

    programs = find_postgres()
    assert programs is not None  # the marker has seen to it
    with running_cluster(programs) as cluster:
        name = cluster.make_database()
        with Store.connect(cluster.url(name)) as store:
            store.upgrade()
        cluster.migrated = name
        yield cluster


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of SQLite that has all tables, to be copied: making them takes longer than most tests."""
    from dspash.store import Store

    path = tmp_path_factory.mktemp("migrated") / "migrated.db"
    Store.open(path).close()
    return path


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str, None, None]:
    """Return the address of an empty database, of either kind."""
    if request.param == "sqlite":
        yield str(tmp_path / "test.db")
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    name = cluster.make_database()
    yield cluster.url(name)
    cluster.drop_database(name)


@contextlib.contextmanager
def _migrated_database(request: pytest.FixtureRequest, folder: Path) -> Generator[str, None, None]:
    """Lend a database that has all tables and no records, of the kind that is the fixture's parameter."""
    if request.param == "sqlite":
        yield shutil.copyfile(request.getfixturevalue("migrated_file"), str(folder / "test.db"))
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    with cluster.lent_database(cluster.migrated) as name:
        yield cluster.url(name)


@pytest.fixture(params=DATABASES)
def migrated(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str, None, None]:
    """Return the address of a database that has all tables and no records, of either kind."""
    with _migrated_database(request, tmp_path) as address:
        yield address


@pytest.fixture(scope="module", params=DATABASES)
def module_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[str, None, None]:
    """Return the address of such a database that the tests of a module share."""
    with _migrated_database(request, tmp_path_factory.mktemp("database")) as address:
        yield address


@pytest.fixture
def store(migrated: str) -> Generator[Store, None, None]:
    """Open a database that has all tables and no records, of either kind."""
    from dspash.store import Store

    with Store.open(migrated) as opened:
        yield opened


@pytest.fixture(scope="session", autouse=True)
def own_database(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path, None, None]:
    """Have apps that say nothing of a database keep what they do in one of this session, never in the user's own."""
    path = tmp_path_factory.mktemp("records") / "dspash.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DSPASH_DATABASE_URL", str(path))
        yield path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of the real data sets: $DSPASH_TEST_DATA, or ../shared/data beside the repository."""
    folder = Path(os.environ.get("DSPASH_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    wanted = ("hotpotqa/dev.json", "hotpotqa/train.json", "banking77/dev.jsonl", "banking77/train.jsonl")
    if missing := [name for name in wanted if not (folder / name).is_file()]:
        pytest.skip(f"real data is missing from {folder}: {', '.join(missing)} (set DSPASH_TEST_DATA)")
    return folder
