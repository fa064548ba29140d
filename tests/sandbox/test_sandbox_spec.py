"""Specs: equal ones can share a zygote, and nothing in one changes what a sandboxed interpreter loads."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dspash import ConfigurationError
from dspash.sandbox import Tier, ZygoteSpec
from tests.sandbox.inside import strict


def test_specs_that_ask_for_the_same_are_one_key(open_folder: Path) -> None:
    first = strict(environment={"A": "1", "B": "2"}, mounts={"x": open_folder})
    second = strict(environment={"B": "2", "A": "1"}, mounts={"x": str(open_folder)})

    assert {first: "zygote"}[second] == "zygote"
    assert strict() != strict(environment={"A": "1"})


def test_an_interpreter_is_known_by_its_path_and_not_by_what_that_leads_to() -> None:
    assert strict().python == sys.executable
    assert Path(strict(python=Path(sys.executable).name).python).is_absolute()


def test_a_program_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is no program"):
        strict(python="/no/such/python")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYTHONPATH", "/tmp"),
        ("PYTHONSTARTUP", "x"),
        ("LD_PRELOAD", "x.so"),
        ("HOME", "/root"),
        ("TMPDIR", "/tmp"),
        ("A=B", "x"),
        ("A B", "x"),
        ("A", "x\0y"),
        ("A", 1),
    ],
)
def test_a_variable_that_would_change_the_sandbox_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        strict(environment={name: value})

    assert refused.value.path == f"environment.{name}"


def test_a_trusted_worker_has_the_variables_it_is_given() -> None:
    spec = ZygoteSpec.of(python=sys.executable, tier=Tier.PROCESS, environment={"PYTHONPATH": "/tmp"})

    assert spec.environment == (("PYTHONPATH", "/tmp"),)


def test_a_folder_to_import_from_is_checked_like_a_mount(open_folder: Path) -> None:
    shared = open_folder / "shared"
    (shared / "code").mkdir(parents=True)
    shared.chmod(0o777)

    with pytest.raises(ConfigurationError) as refused:
        strict(python_path=(str(open_folder), str(shared / "code")))

    assert refused.value.path == "python_path[1]"
