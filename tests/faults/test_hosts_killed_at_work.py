"""Hosts that are SIGKILLed while they execute, evaluate, optimise and record: what they acknowledged is there."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from benchmarks.kills import Kills, KillsReport, run_kills
from benchmarks.kills.account import settle
from benchmarks.kills.told import Told
from benchmarks.kills_run import KillsRun
from benchmarks.machine import describe_machine

HOSTS = 2


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_nothing_acknowledged_is_missing_and_no_run_is_left_running(migrated: str) -> None:
    report = run_kills(Kills(migrated, HOSTS))

    assert report.wrong == []
    assert report.acknowledged > HOSTS
    assert report.ends["interrupted"] >= HOSTS  # each held one


def test_what_is_missing_is_found(tmp_path: Path) -> None:
    told = Told()
    number = str(uuid.uuid4())
    for line in (
        f'{{"resource": "Signature", "id": "{number}", "version": 2, "status": ""}}\n',
        '{"executed": ["Who?"]}\n',
        f'{{"held": "{number}"}}\n',
        '{"executed": ["cut',
    ):
        told.hear(line.encode())

    wrong, ends = settle(str(tmp_path / "test.db"), told)

    assert len(wrong) == told.count == 3
    assert not ends


@pytest.mark.parametrize("wrong", [[], ["a run still counts as running"]])
def test_a_run_is_judged_by_what_is_wrong(wrong: list[str]) -> None:
    report = KillsReport(hosts=1, seconds=1.0, acknowledged=1, ends={"interrupted": 1}, wrong=wrong)
    assert KillsRun(describe_machine(), report).bars_met == (not wrong)
