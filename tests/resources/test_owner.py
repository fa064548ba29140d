"""Owners of runs: a run goes on counting as running exactly as long as somebody carries it out."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dspash.resources.owner import LEASE, Owner, has_lost_its_owner, start_of

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_this_process_owns_what_it_carries_out() -> None:
    here = Owner.here()
    assert here.pid == os.getpid()
    assert here.started
    assert Owner.of(here.to_map()) == here
    assert not has_lost_its_owner(here, None, NOW)


def test_a_process_that_is_gone_owns_nothing() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        owner = replace(Owner.here(), pid=process.pid, started=start_of(process.pid) or "")
        assert not has_lost_its_owner(owner, NOW, NOW)
        process.kill()
        # Its remains stay until they are waited for; they carry out nothing.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert has_lost_its_owner(owner, NOW, NOW)
    assert has_lost_its_owner(owner, NOW, NOW)


def test_a_number_that_is_used_again_is_another_process() -> None:
    assert has_lost_its_owner(replace(Owner.here(), started="1"), NOW, NOW)


@pytest.mark.parametrize("owner", [None, replace(Owner.here(), machine="elsewhere")])
def test_where_nobody_can_look_the_last_sign_of_life_tells(owner: Owner | None) -> None:
    assert not has_lost_its_owner(owner, NOW - LEASE, NOW)
    assert has_lost_its_owner(owner, NOW - LEASE - timedelta(seconds=1), NOW)
    assert has_lost_its_owner(owner, None, NOW)


@pytest.mark.parametrize("kept", [{}, {"machine": "here"}, {"machine": 1, "pid": "2", "started": None}])
def test_what_is_no_owner_is_none(kept: dict[str, object]) -> None:
    assert Owner.of(kept) is None
