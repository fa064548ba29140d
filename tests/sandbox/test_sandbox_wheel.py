"""Installed from a wheel, in a virtual environment below a home that is closed to others: everything works from there."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ordinary_user import as_ordinary_user, make_home
from tests.wheel import make_environment, run

pytestmark = [pytest.mark.bwrap, pytest.mark.serial, pytest.mark.slow, pytest.mark.timeout(120)]

PROGRAM = """
import os
import dspash_worker, dspy
def can_open(path):
    try: open(path)
    except OSError: return False
    return True
class Report(dspy.Module):
    def forward(self, secret):
        return dspy.Prediction(
            answer=open("/mnt/docs/page").read(), code=dspash_worker.__file__, uid=os.getuid(),
            reached=[path for path in ("/etc/shadow", secret) if can_open(path)],
        )
"""

USE = f"""
import json, os, sys
import dspash
page = os.path.join(sys.argv[1], "docs")
os.mkdir(page, 0o755)
with open(os.path.join(page, "page"), "w") as file: file.write("the page")
with open(os.path.join(sys.argv[1], "secret"), "w") as file: file.write("not for programs")
with dspash.open() as app:
    program = app.program("report", source={PROGRAM!r}, mounts={{"docs": page}})
    answer = program(secret=os.path.join(page, "..", "secret"))
with dspash.Interpreter() as interpreter:
    value = interpreter.execute("import os; os.getuid() + 0 * len(os.listdir('/box'))")
print(json.dumps({{
    "host": dspash.__file__, "tier": answer.isolation.tier, "layers": sorted(answer.isolation.layers),
    "uid": os.getuid(), "interpreter": value, "answer": answer.answer, "code": answer.code, "inside": answer.uid,
    "reached": answer.reached,
}}))
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dspash-wheel-") as folder:
        Path(folder).chmod(0o755)
        yield make_home(Path(folder))


@pytest.fixture(scope="module")
def python(home: Path) -> Path:
    """The interpreter of an environment in that home."""
    return make_environment(home)


def check(told: dict[str, Any], home: Path) -> None:
    assert Path(told["host"]).is_relative_to(home)
    assert Path(told["code"]).is_relative_to(home)
    assert told["answer"] == "the page"
    assert told["tier"] == "strict"
    assert set(told["layers"]) == set(
        "capabilities landlock mounts namespaces nondumpable rlimits seccomp".split()
    )
    assert told["interpreter"] == told["inside"]
    assert told["reached"] == []


def test_an_ordinary_user_runs_programs_from_it(python: Path, home: Path) -> None:
    command: Callable[..., list[str]] = (
        as_ordinary_user if os.geteuid() == 0 else lambda *words, home: [*words]
    )
    (home / "own").mkdir(mode=0o755)
    if os.geteuid() == 0:
        shutil.chown(home / "own", home.stat().st_uid, home.stat().st_gid)

    told = json.loads(run(*command(str(python), "-I", "-c", USE, str(home / "own"), home=home)))

    check(told, home)
    assert told["inside"] == told["uid"] != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="for root")
def test_root_runs_programs_from_it(python: Path, home: Path) -> None:
    (home / "roots").mkdir(mode=0o755)

    told = json.loads(run(str(python), "-I", "-c", USE, str(home / "roots")))

    check(told, home)
    assert told["uid"] == 0
    assert told["inside"] != 0
