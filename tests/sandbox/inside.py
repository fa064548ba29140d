"""Inside: runs Python code where a zygote of a spec would run, and in other places that tests need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from dspash.sandbox import Tier, ZygoteSpec
from dspash.sandbox.command import command_for
from tests.ordinary_user import as_ordinary_user

__all__ = ["BOUND_S", "run_as_ordinary_user", "run_inside", "strict"]

BOUND_S = 60.0
REPOSITORY = Path(__file__).resolve().parents[2]


def strict(**settings: object) -> ZygoteSpec:
    """A strict spec of the interpreter that runs the tests."""
    return ZygoteSpec.of(**{"python": sys.executable, "tier": Tier.STRICT, **settings})  # type: ignore[arg-type]


def run_inside(spec: ZygoteSpec, code: str) -> str:
    """Run `code` as a zygote of this spec would run; what it printed. Fails when it fails."""
    with command_for(spec, ["-c", code]) as command:
        done = subprocess.run(
            command.argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=command.environment,
            cwd=command.cwd,
            pass_fds=command.pass_fds,
            timeout=BOUND_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def run_as_ordinary_user(code: str, home: Path, *, python: str = sys.executable) -> str:
    """Run `code`, which may import dspash and the tests, as somebody who is not root; what it printed."""
    paths = f"import sys; sys.path[:0] = [{str(REPOSITORY)!r}]\n"
    command = [python, "-I", "-B", "-c", paths + code]
    if os.geteuid() == 0:
        command = as_ordinary_user(*command, home=home)
    done = subprocess.run(command, capture_output=True, text=True, timeout=BOUND_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
