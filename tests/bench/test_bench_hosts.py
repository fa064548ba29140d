"""Hosts: contestants in processes of their own, told what to do line by line."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from benchmarks.arena import Arena
from benchmarks.cli import main
from benchmarks.host import ActFailedError, Host, HostStuckError
from benchmarks.peers.roster import CONTESTANTS

pytestmark = pytest.mark.serial


def test_contestant_echoes_and_is_timed_in_its_host() -> None:
    with Arena(["bare-frames"]) as arena:
        seconds = arena.enter("bare-frames").do("round_trips", count=20, size=100_000)
    assert len(seconds) == 20
    assert all(second > 0 for second in seconds)


def test_lost_worker_of_an_unsupervised_child_is_an_error_and_a_rebuild() -> None:
    with Arena(["bare-frames"]) as arena:
        loss = arena.enter("bare-frames").do("kill_worker", how="spin")
    assert (loss["error"], loss["rebuilt"]) == ("EOFError", True)
    assert 0 <= loss["error_s"] <= loss["signal_s"]


def test_act_that_fails_is_told_with_its_reason_and_the_host_lives_on() -> None:
    with Arena(["socketpair"]) as arena:
        host = arena.enter("socketpair")
        with pytest.raises(ActFailedError, match="KeyError: 'no such act'"):
            host.do("no such act")
        assert host.do("cannot") == {}


def test_host_that_gives_no_answer_is_stuck_and_dies_with_its_family() -> None:
    host = Host("contestant", "socketpair")
    host.do("start")
    family = [psutil.Process(host.pid), *host.family()]
    assert len(family) == 2
    host.do("begin_hanging", how="sleep")
    with pytest.raises(HostStuckError, match="no answer"):
        host.do("round_trips", count=1, size=64, limit_s=0.2)
    host.kill()
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


@pytest.mark.bench
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_quick_run_fills_every_cell_it_was_asked_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    peers = [name for name in CONTESTANTS if name != "dspash"]
    measures = ["round_trip", "pipelined", "echo"]
    assert main(["bridge", "--quick", "--json", str(report), "--only", *measures, "--peers", *peers]) == 0
    figures = json.loads(report.read_text())["figures"]
    assert {(figure["measure"], figure["contestant"]) for figure in figures} == {
        (measure, peer) for measure in ("round_trip", "pipelined", "echo_1m", "echo_16m") for peer in peers
    }
    assert [figure["contestant"] for figure in figures if figure["quantiles"] is None] == ["interpreter"]
    shown = capfd.readouterr().out
    assert all(peer in shown for peer in peers)
