"""Transactions: one writer at a time, readers never held up, bounded waits, and nothing acknowledged is ever lost."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select

from dspash.errors import StoreBusyError
from dspash.resources import DOMAIN
from dspash.resources.kernel import AuditEntry, Collection, Context, StoredScene
from dspash.resources.signature import Signature
from dspash.store import Durability, Store
from tests.leaks import wait_until

SIGNATURES = DOMAIN.table(DOMAIN.declaration(Signature))

WRITER = """
import itertools, sys
from dspash.resources import DOMAIN
from dspash.resources.kernel import Context, StoredScene
from dspash.resources.signature import Signature
from dspash.store import Store
name, database = sys.argv[1:]
scene = StoredScene(Context(actor=name, tenant="north", request_id=name), domain=DOMAIN, store=Store.open(database))
for number in itertools.count():
    made = scene.of(Signature).create(name=f"{name}-{number}", inputs=["a"], outputs=["b"])
    scene.of(Signature).update(made, docstring="second")
    print(number, flush=True)
"""


def scene_of(store: Store) -> StoredScene:
    return StoredScene(Context(actor="ann", tenant="north", request_id="1"), domain=DOMAIN, store=store)


def start_writer(name: str, database: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WRITER, name, database], stdout=subprocess.PIPE, text=True)


def address_of(store: Store) -> str:
    return store.address.url.render_as_string(hide_password=False)


def acknowledged(process: subprocess.Popen[str]) -> int:
    """How many records the writer said it had made, until its output ended."""
    assert process.stdout is not None
    with process.stdout as output:
        return sum(1 for line in output if line.endswith("\n"))


def wait_for_records(signatures: Collection[Signature], writer: str, wanted: int) -> None:
    wait_until(
        lambda: signatures.count(filter={"name": {"like": f"{writer}-%"}}) >= wanted,
        f"{wanted} records of {writer}",
        bound_s=30,
    )


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_what_was_acknowledged_survives_kills_at_any_instant_and_the_audit_is_whole(store: Store) -> None:
    random.seed(11)
    told: dict[str, int] = {}
    signatures = scene_of(store).of(Signature)
    for life in range(5):
        name = f"life{life}"
        with start_writer(name, address_of(store)) as process:
            wait_for_records(signatures, name, random.randint(1, 40))
            process.send_signal(signal.SIGKILL)
            told[name] = acknowledged(process)
    kept = {found.name: found for found in signatures.iterate()}
    for name, count in told.items():
        for number in range(count):
            assert kept[f"{name}-{number}"].version == 2
    entries = list(scene_of(store).of(AuditEntry).iterate(filter={"resource": "Signature"}))
    versions = {(entry.record_id, entry.record_version) for entry in entries}
    assert len(versions) == len(entries)
    assert versions == {
        (found.id, version) for found in kept.values() for version in range(1, found.version + 1)
    }
    if store.is_sqlite:
        with store.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


@pytest.mark.timeout(60)
def test_two_processes_and_this_one_write_to_the_same_database_and_read_each_other(store: Store) -> None:
    signatures = scene_of(store).of(Signature)
    with start_writer("left", address_of(store)) as left, start_writer("right", address_of(store)) as right:
        for number in range(20):
            signatures.create(name=f"here-{number}", inputs=["a"], outputs=["b"])
        for name in ("left", "right"):
            wait_for_records(signatures, name, 20)
        for process in (left, right):
            process.send_signal(signal.SIGKILL)
            assert acknowledged(process) >= 1
    assert signatures.count(filter={"name": {"like": "here-%"}}) == 20


def test_a_reader_sees_one_moment_while_others_write(store: Store) -> None:
    scene = scene_of(store)
    scene.of(Signature).create(name="one", inputs=[], outputs=["b"])
    count = select(func.count()).select_from(SIGNATURES)
    with store.read() as connection:
        assert connection.execute(count).scalar() == 1
        scene.of(Signature).create(name="two", inputs=[], outputs=["b"])
        assert connection.execute(count).scalar() == 1
    assert scene.of(Signature).count() == 2


def test_writers_of_one_process_take_turns_and_none_fails(store: Store) -> None:
    scene = scene_of(store)
    failed: list[Exception] = []

    def write(name: str) -> None:
        try:
            for number in range(10):
                scene.of(Signature).create(name=f"{name}-{number}", inputs=[], outputs=["b"])
        except Exception as error:  # noqa: BLE001 - whatever it is the test shows it
            failed.append(error)

    threads = [threading.Thread(target=write, args=(f"thread{index}",)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failed == []
    assert scene.of(Signature).count() == 80


def test_a_wait_for_another_writer_ends(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with Store.open(path) as holder, Store.open(path, busy_timeout_s=0.2) as waiting:
        with holder.transaction(), pytest.raises(StoreBusyError) as caught:
            scene_of(waiting).of(Signature).create(name="a", inputs=[], outputs=["b"])
        assert caught.value.retryable
        scene_of(waiting).of(Signature).create(name="a", inputs=[], outputs=["b"])
        assert scene_of(holder).of(Signature).count() == 1


def test_a_wait_for_another_thread_ends(tmp_path: Path) -> None:
    with Store.open(tmp_path / "x.db", busy_timeout_s=0.2) as store:
        caught: list[BaseException] = []

        def write() -> None:
            try:
                scene_of(store).of(Signature).create(name="a", inputs=[], outputs=["b"])
            except StoreBusyError as error:
                caught.append(error)

        with store.transaction():
            thread = threading.Thread(target=write)
            thread.start()
            thread.join(10)
        assert len(caught) == 1


def test_only_a_transaction_that_is_to_survive_a_loss_of_power_waits_for_the_disk(tmp_path: Path) -> None:
    with Store.open(tmp_path / "x.db") as store:
        levels: list[int] = []
        for durability in (Durability.PROCESS, Durability.POWER, Durability.PROCESS):
            with store.transaction(durability) as connection:
                levels.append(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())
    assert levels == [1, 2, 1]  # NORMAL, FULL, NORMAL
