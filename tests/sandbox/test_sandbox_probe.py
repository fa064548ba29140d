"""Probes: real machines that lack something, made from this one, are found out; what is there is remembered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dspash import SandboxUnavailableError
from dspash.sandbox import Tier, probe, require, zygote_command
from dspash.sandbox import probe as probing
from tests.ordinary_user import as_ordinary_user
from tests.sandbox import places
from tests.sandbox.inside import BOUND_S, REPOSITORY, strict

pytestmark = pytest.mark.bwrap

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make such a place")

ASK = f"""
import json, sys
sys.path.insert(0, {str(REPOSITORY)!r})
from dspash.sandbox import Tier, probe
found = {{}}
for tier in Tier:
    problem = probe(tier).problem
    found[tier.value] = problem and [problem.probe, problem.cause, problem.way_out]
print(json.dumps(found))
"""


def find(place: str, home: Path | None = None) -> dict[str, list[str] | None]:
    """What is found of each tier at this place, as root or, with a home, as an ordinary user."""
    there = [sys.executable, "-I", "-S", places.__file__, place, sys.executable, "-I", "-B", "-c", ASK]
    command = there if home is None else as_ordinary_user(*there, home=home)
    done = subprocess.run(command, capture_output=True, text=True, timeout=BOUND_S, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_is(found: list[str] | None, *parts: str) -> None:
    """Probe, cause and way out hold these texts."""
    assert found is not None
    for part, text in zip(parts, found, strict=True):
        assert part in text


@ROOT_ONLY
@pytest.mark.parametrize(
    ("place", "tier", "parts"),
    [
        ("few_ids", "strict", ("staging", "too few user ids", "/etc/subuid")),
        ("no_user_namespaces", "strict", ("user namespaces", "=0 allows none", "sysctl -w")),
        ("no_user_namespaces", "shared-namespaces", ("user namespaces", "=0 allows none", "sysctl -w")),
        ("one_user_namespace", "strict", ("nested", "No space left", "sandbox='shared-namespaces'")),
        ("masked_proc", "strict", ("/proc", "masks /proc", "procMount")),
        ("no_new_user_namespace_calls", "strict", ("staging", "CAP_SYS_ADMIN", "--user 1000")),
        ("no_landlock_calls", "strict", ("Landlock", "refuses its system calls", "seccomp=unconfined")),
    ],
)
def test_what_a_place_lacks_is_found_as_root(place: str, tier: str, parts: tuple[str, ...]) -> None:
    assert_is(find(place)[tier], *parts)


@ROOT_ONLY
@pytest.mark.parametrize("place", ["one_user_namespace", "masked_proc"])
def test_a_place_that_keeps_only_workers_from_their_own_namespaces_has_the_tier_without(place: str) -> None:
    assert find(place)["shared-namespaces"] is None


@ROOT_ONLY
@pytest.mark.parametrize(
    ("place", "parts"),
    [
        ("no_new_user_namespace_calls", ("user namespaces", "forbids them", "sandbox='landlock'")),
        ("no_landlock_calls", ("Landlock", "refuses its system calls", "landlock_*")),
    ],
)
def test_what_a_place_lacks_is_found_as_an_ordinary_user(
    place: str, parts: tuple[str, ...], home: Path
) -> None:
    found = find(place, home)

    assert_is(found["strict"], *parts)
    assert (found["landlock"] is None) == (place != "no_landlock_calls")


@pytest.fixture
def nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[probing.__module__], "_available", {})


def bwrap_that(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program called bwrap on PATH, and nothing else."""
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.usefixtures("nothing_is_remembered")
def test_a_machine_without_bubblewrap_is_told_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SandboxUnavailableError, match="install bubblewrap") as refused:
        require(Tier.STRICT)

    assert (refused.value.tier, refused.value.probe) == ("strict", "bubblewrap")
    assert "install" in refused.value.way_out


@pytest.mark.usefixtures("nothing_is_remembered")
def test_no_zygote_is_started_where_its_tier_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SandboxUnavailableError):
        zygote_command(strict())


@pytest.mark.usefixtures("nothing_is_remembered")
def test_a_bubblewrap_that_lacks_an_option_is_too_old(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bwrap_that(
        open_folder, monkeypatch, 'echo "bubblewrap 0.4.1"; echo "bwrap: Unknown option --size" >&2; exit 1'
    )

    problem = probe(Tier.SHARED_NAMESPACES).problem

    assert problem is not None
    assert problem.probe == "bubblewrap version"
    assert "0.4.1 is too old" in problem.cause


@ROOT_ONLY
@pytest.mark.usefixtures("nothing_is_remembered")
def test_a_bubblewrap_that_only_root_can_reach_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bwrap_that(tmp_path, monkeypatch, "exit 0")

    problem = probe(Tier.STRICT).problem

    assert problem is not None
    assert str(tmp_path / "bwrap") in problem.cause


@pytest.mark.usefixtures("nothing_is_remembered")
def test_what_was_missing_is_looked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.setenv("PATH", str(tmp_path))
        assert probe(Tier.STRICT).problem is not None

    assert probe(Tier.STRICT).is_available


@pytest.mark.usefixtures("nothing_is_remembered")
def test_what_is_there_is_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = require(Tier.STRICT)
    assert "bubblewrap" in found.found
    assert "Landlock ABI" in found.found
    monkeypatch.setenv("PATH", str(tmp_path))

    assert require(Tier.STRICT) is found


def test_trusted_workers_need_nothing() -> None:
    assert require(Tier.PROCESS).is_available


def test_an_interpreter_that_does_not_fit_is_the_problem(tmp_path: Path) -> None:
    missing = probe(Tier.STRICT, python=str(tmp_path / "python"))

    assert missing.problem is not None
    assert missing.problem.probe == "interpreter"
