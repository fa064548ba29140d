"""Account: what hosts have acknowledged, held against what their database has once it is opened again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from benchmarks.kills.told import Told
from dspash.app.records import Keeping, Records
from dspash.app.runtime import RuntimeOnDemand
from dspash.resources import DOMAIN
from dspash.resources.evaluation import Evaluation
from dspash.resources.kernel import AuditEntry, StoredScene
from dspash.resources.optimization_run import OptimizationRun
from dspash.resources.trace import Trace

if TYPE_CHECKING:
    from dspash import App

__all__ = ["settle"]

_RUNS: Final[tuple[type[Evaluation | OptimizationRun], ...]] = (Evaluation, OptimizationRun)


def settle(database: str, told: Told) -> tuple[list[str], Counter[str]]:
    """Open the database as the next app does. Returns what is wrong, and how runs have ended."""
    records = Records(Keeping(database), RuntimeOnDemand(_no_app))
    try:
        scene = records.scene()
        wrong = [*_missing(scene, told), *_executions(scene, told), *_audit(scene), *_damage(scene)]
        ends: Counter[str] = Counter(run.status for kind in _RUNS for run in scene.of(kind).iterate())
    finally:
        records.close()
    if ends["running"]:
        wrong.append(f"{ends['running']} runs still count as running")
    return wrong, ends


def _no_app() -> App:
    raise AssertionError("nothing is to be run")


def _missing(scene: StoredScene, told: Told) -> list[str]:
    """Every record is as it was acknowledged, or newer; a run that ended has that end, one that was held is interrupted."""
    kept: dict[tuple[str, str], Any] = {
        (name, str(record.id)): record
        for name in sorted({*(name for name, _ in told.records), *(kind.__name__ for kind in _RUNS)})
        for record in scene.of(DOMAIN.resource(name)).iterate()
    }
    wrong: list[str] = []
    for key, (version, status) in told.records.items():
        found = kept.get(key)
        if found is None or found.version < version:
            wrong.append(f"{key} had version {version}, and is {found and found.version}")
        elif found.version == version and getattr(found, "status", "") != status:
            wrong.append(f"{key} was {status}, and is {found.status}")
    for number in sorted(told.held):
        found = kept.get(("Evaluation", number))
        if found is None or found.status != "interrupted":
            wrong.append(f"the evaluation {number} was under way, and is {found and found.status}")
    return wrong


def _executions(scene: StoredScene, told: Told) -> list[str]:
    """Every execution is there, once."""
    kept: Counter[Any] = Counter(
        trace.inputs["question"]
        for trace in scene.of(Trace).iterate(filter={"status": "succeeded"})
        if isinstance(trace.inputs, dict)
    )
    return [
        f"the execution {question!r} is there {kept[question]} times"
        for question in told.executed
        if kept[question] != 1
    ]


def _audit(scene: StoredScene) -> list[str]:
    """Every version of every record has one entry, and there is no other."""
    wrong: list[str] = []
    for found in DOMAIN.describe()["resources"]:
        if not found["audited"]:
            continue
        entries: Counter[tuple[UUID, int]] = Counter(
            (entry.record_id, entry.record_version)
            for entry in scene.of(AuditEntry).iterate(filter={"resource": found["name"]})
        )
        changes: Counter[tuple[UUID, int]] = Counter(
            (record.id, version)
            for record in scene.of(DOMAIN.resource(found["name"])).iterate()
            for version in range(1, record.version + 1)
        )
        if entries != changes:
            wrong.append(
                f"{found['name']}: {changes - entries} without an entry, {entries - changes} without a change"
            )
    return wrong


def _damage(scene: StoredScene) -> list[str]:
    if not scene.store.is_sqlite:
        return []
    with scene.store.read() as connection:
        told = str(connection.exec_driver_sql("PRAGMA integrity_check").scalar())
    return [] if told == "ok" else [f"the file is damaged: {told}"]
