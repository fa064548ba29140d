"""Retention and metrics: what is too old or too much goes, and what is there is counted exactly."""

from __future__ import annotations

import math
import statistics
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dspash.errors import ConfigurationError
from dspash.resources.recording import Retention, prune, retention
from dspash.resources.trace import Trace
from dspash.resources.tracing import metrics_of
from dspash.store import Store
from tests.resources.conftest import statements
from tests.resources.executions import NOON, ago, execution, keep, scene_of

FAILED = {"kind": "program_error", "type": "KeyError", "message": "x"}


def names(store: Store, tenant: str = "north") -> list[str]:
    return [record.name for record in scene_of(store, tenant=tenant).of(Trace).iterate()]


def test_what_is_too_old_goes(store: Store) -> None:
    scene = scene_of(store)
    keep(scene, *(execution(name=str(days), ended_at=ago(days=days)) for days in range(5, 0, -1)))
    assert prune(scene, Trace, Retention(timedelta(days=2, hours=12), None)) == 3
    assert names(store) == ["2", "1"]
    assert prune(scene, Trace, Retention(timedelta(days=2, hours=12), None)) == 0


def test_what_is_too_many_goes_the_oldest_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "LOT", 3)
    scene = scene_of(store)
    keep(scene, *(execution(name=str(hours), ended_at=ago(hours=hours)) for hours in range(12, 0, -1)))
    assert prune(scene, Trace, Retention(None, 4)) == 8
    assert names(store) == ["4", "3", "2", "1"]
    assert prune(scene, Trace, Retention(None, 4)) == 0
    assert prune(scene, Trace, Retention(None, 0)) == 4


def test_another_tenants_executions_stay(store: Store) -> None:
    south = scene_of(store, tenant="south")
    keep(south, execution(name="theirs", ended_at=ago(days=100)))
    assert prune(scene_of(store), Trace, Retention(timedelta(days=1), 0)) == 0
    assert names(store, "south") == ["theirs"]


def test_actions_prune_and_tell_metrics(store: Store) -> None:
    scene = scene_of(store)
    keep(scene, execution(ended_at=ago(days=3)), execution(ended_at=ago(hours=1)))
    assert scene.of(Trace).prune(max_age=timedelta(days=2)) == {"removed": 1}
    told = scene.of(Trace).metrics(name="Baleen", every=timedelta(hours=12))
    assert (told["total_executions"], len(told["windows"])) == (1, 2)


@pytest.mark.parametrize(("age", "count"), [(timedelta(0), None), (timedelta(days=-1), 5), (None, -1)])
def test_a_retention_that_means_nothing_is_refused(age: timedelta | None, count: int | None) -> None:
    with pytest.raises(ConfigurationError):
        Retention(age, count)


def test_metrics_are_those_of_a_name_and_a_time(store: Store) -> None:
    scene = scene_of(store)
    keep(
        scene,
        execution(took_s=1.0, ended_at=ago(hours=3)),
        execution(took_s=3.0, ended_at=ago(hours=2), error=FAILED),
        execution(took_s=50.0, ended_at=ago(days=2)),
        execution(took_s=50.0, ended_at=ago(hours=1), name="Other"),
    )
    with statements(store) as seen:
        found = metrics_of(scene, {"name": "Baleen"})
    assert len(seen) == 1
    assert (found.total_executions, found.failed, found.success_rate) == (2, 1, 0.5)
    assert (found.average_execution_time, found.p50_s, found.p95_s, found.p99_s) == (2.0, 1.0, 3.0, 3.0)
    assert (found.since, found.until) == (ago(days=1), NOON)
    assert metrics_of(scene, {}).total_executions == 3
    assert metrics_of(scene_of(store, tenant="south"), {}).total_executions == 0


def test_without_executions_there_are_no_rates(store: Store) -> None:
    found = metrics_of(scene_of(store), {"name": "Baleen"})
    assert (found.total_executions, found.success_rate, found.average_execution_time, found.p99_s) == (
        0,
        None,
        None,
        None,
    )


def test_windows_divide_the_time(store: Store) -> None:
    scene = scene_of(store)
    keep(scene, *(execution(ended_at=ago(hours=hours)) for hours in (1, 1.5, 5, 9.5)))
    found = metrics_of(scene, {}, since=ago(hours=10), every=timedelta(hours=4))
    assert [window.total_executions for window in found.windows] == [1, 1, 2]
    assert [window.since for window in found.windows] == [ago(hours=10), ago(hours=6), ago(hours=2)]
    assert found.windows[-1].until == NOON
    assert found.to_map()["windows"][0]["since"] == ago(hours=10).isoformat()


@pytest.mark.parametrize(
    ("since", "until", "every"),
    [
        (NOON, NOON, None),
        (NOON, ago(hours=1), None),
        (datetime(2026, 5, 1), None, None),  # noqa: DTZ001 - that is what is refused
        (ago(days=1), None, timedelta(0)),
        (ago(days=1), None, timedelta(seconds=1)),
    ],
)
def test_a_time_that_means_nothing_is_refused(
    store: Store, since: datetime, until: datetime | None, every: timedelta | None
) -> None:
    with pytest.raises(ConfigurationError):
        metrics_of(scene_of(store), {}, since=since, until=until, every=every)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40))
def test_percentiles_are_values_that_so_many_do_not_exceed(store: Store, times: list[float]) -> None:
    tenant = f"t{abs(hash(tuple(times)))}"
    scene = scene_of(store, tenant=tenant)
    keep(scene, *(execution(took_s=took_s, ended_at=ago(hours=1)) for took_s in times))
    found = metrics_of(scene, {})
    assert found.average_execution_time == pytest.approx(statistics.fmean(times))
    for share, percentile in ((0.5, found.p50_s), (0.95, found.p95_s), (0.99, found.p99_s)):
        assert percentile in times
        assert sum(took_s <= percentile for took_s in times) >= math.ceil(share * len(times))
        assert sum(took_s < percentile for took_s in times) < math.ceil(share * len(times))
    prune(scene, Trace, Retention(None, 0))
