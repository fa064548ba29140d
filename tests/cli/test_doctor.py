"""The doctor: each check says what it found, and the way out where there is one to go."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from dspash.cli.checks import (
    NEWEST_DSPY,
    OLDEST_DSPY,
    Check,
    Outcome,
    check_containment,
    check_database,
    check_dspy,
    check_extra,
    check_memory,
    check_python,
    check_settings,
    check_tier,
    check_worker,
    extras_of,
)
from dspash.sandbox import Containment, ContainmentKind, Finding, Problem, Tier
from dspash.sandbox.cgroup import Absent
from tests.cli.conftest import Run

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


@pytest.mark.parametrize(
    ("version", "outcome"),
    [
        ("3.4.1", Outcome.OK),
        ("3.5.0rc1", Outcome.OK),
        ("3.3.9", Outcome.FAILED),
        ("3.6.0", Outcome.FAILED),
        ("2.6.27", Outcome.FAILED),
        (None, Outcome.FAILED),
    ],
)
def test_a_dspy_that_does_not_fit_fails(version: str | None, outcome: Outcome) -> None:
    check = check_dspy(version)

    assert check.outcome is outcome
    assert ("pip install" in check.way_out) == (outcome is Outcome.FAILED)


def test_the_dspy_versions_are_those_of_the_package() -> None:
    wanted = tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
    oldest = ".".join(map(str, OLDEST_DSPY))
    too_new = f"{NEWEST_DSPY[0]}.{NEWEST_DSPY[1] + 1}"

    assert f"dspy>={oldest},<{too_new}" in wanted
    assert f"dspy>={oldest},<{too_new}" in check_dspy(None).way_out


def test_an_old_python_fails() -> None:
    assert check_python((3, 11, 0)).outcome is Outcome.OK
    assert check_python((3, 10, 14)).outcome is Outcome.FAILED
    assert check_python((3, 10, 14)).way_out


@pytest.mark.parametrize(
    ("system", "reason", "way_out"),
    [
        ("Linux", "bubblewrap (bwrap) is not installed", "install"),
        ("Linux", "bubblewrap does not run here: No permissions to create a new namespace", "namespaces"),
        ("Darwin", "PID namespaces are Linux's", "Linux"),
    ],
)
def test_weaker_containment_says_why_and_what_to_do(system: str, reason: str, way_out: str) -> None:
    check = check_containment(Containment(ContainmentKind.PROCESS_GROUP, reason=reason), system)

    assert check.outcome is Outcome.WEAKER
    assert reason in check.found
    assert way_out in check.way_out


def test_a_pid_namespace_is_full_containment() -> None:
    check = check_containment(Containment(ContainmentKind.PID_NAMESPACE, ("bwrap",)), "Linux")

    assert (check.outcome, check.way_out) == (Outcome.OK, "")


@pytest.mark.parametrize(
    ("tier", "outcome"), [(Tier.STRICT, Outcome.WEAKER), (Tier.LANDLOCK, Outcome.ABSENT)]
)
def test_a_sandbox_that_cannot_be_had_says_why_and_what_to_do(tier: Tier, outcome: Outcome) -> None:
    problem = Problem("bubblewrap", "bwrap is not on PATH", "apt install bubblewrap")

    check = check_tier(Finding(tier, problem=problem))

    assert check == Check(
        f"sandbox {tier}", outcome, "bubblewrap: bwrap is not on PATH", "apt install bubblewrap"
    )
    assert check_tier(Finding(tier, "Landlock ABI 7")).outcome is Outcome.OK


def test_memory_without_a_cgroup_says_why_and_what_to_do() -> None:
    check = check_memory(Absent("/sys/fs/cgroup is not this user's to change"))

    assert check.outcome is Outcome.ABSENT
    assert "is not this user's to change" in check.found
    assert "Delegate=yes" in check.way_out


def test_an_interpreter_without_a_worker_fails_with_its_last_words(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'No module named dspash_worker' >&2\nexit 1\n")
    python.chmod(0o755)

    check = check_worker(python=str(python))

    assert check.outcome is Outcome.FAILED
    assert "given up" in check.found
    assert "No module named dspash_worker" in check.details
    assert str(python) in check.way_out


def test_wrong_settings_fail_with_their_place(dspash: Run, project: Path) -> None:
    (project / "dspash.toml").write_text("workrs = 3")

    check = check_settings()

    assert check.outcome is Outcome.FAILED
    assert "dspash.toml, line 1" in check.found
    assert "workers" in check.way_out


def test_a_database_is_judged_and_not_made(tmp_path: Path) -> None:
    assert check_database(str(tmp_path / "new.db")).outcome is Outcome.OK
    assert not (tmp_path / "new.db").exists()
    (tmp_path / "none.db").write_text("this is no database, however long one looks at it" * 9)
    assert check_database(str(tmp_path / "none.db")).outcome is Outcome.FAILED
    assert check_database("mysql://host/name").outcome is Outcome.FAILED


def test_extras_are_those_of_the_package_that_users_may_want() -> None:
    lines = ["rich>=13", "numpy>=1.26; extra == 'optimizers'", "psycopg[binary]>=3; extra == \"postgres\"",
             "pytest; extra == 'dev'", "tzdata; python_version < '3.12' and extra == 'postgres'"]  # fmt: skip

    assert extras_of(lines) == {"optimizers": ["numpy"], "postgres": ["psycopg", "tzdata"]}
    assert check_extra("postgres", []).outcome is Outcome.OK
    assert check_extra("postgres", ["psycopg"]).way_out == "pip install 'dspash[postgres]'"


@pytest.mark.timeout(60)
def test_this_machine_passes(dspash: Run, project: Path) -> None:
    done = dspash("doctor", "--json")

    assert done.status == 0, done
    told = done.value
    assert told["ok"] is True
    assert not (project / "records.db").exists()
    tiers = ["sandbox strict", "sandbox shared-namespaces", "sandbox landlock"]
    extras = [
        f"extra {name}" for name in tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    ]
    assert [check["name"] for check in told["checks"]] == [
        "Python",
        "DSPy",
        "settings",
        "database",
        *sorted(extra for extra in extras if extra not in {"extra dev", "extra bench"}),
        "containment",
        *tiers,
        "sandbox memory",
        "worker",
    ]
    assert "round trip" in told["checks"][-1]["found"]
