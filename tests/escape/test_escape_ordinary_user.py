"""The same for somebody who is not root: every attempt works without the sandbox, and none gets out of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.escape.corpus.catalogue import ATTEMPTS
from tests.ordinary_user import REPOSITORY, as_ordinary_user, make_home

BOUND_S = 280

pytestmark = [
    pytest.mark.serial,
    pytest.mark.slow,
    pytest.mark.bwrap,
    pytest.mark.timeout(BOUND_S + 20),
    pytest.mark.skipif(sys.platform != "linux", reason="the attempts are Linux's"),
    pytest.mark.skipif(
        sys.platform == "linux" and os.geteuid() != 0, reason="needs root, to become somebody else"
    ),
]


@pytest.mark.parametrize(
    "module", ["test_escape_strict.py", "test_escape_control.py", "test_escape_benign.py"]
)
def test_attempts_of_an_ordinary_user(tmp_path: Path, module: str) -> None:
    path = REPOSITORY / "tests" / "escape" / module
    arguments = (
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "--tb=line",
        "-o",
        "addopts=--import-mode=importlib",
        "-rfs",
    )
    command = as_ordinary_user(
        sys.executable,
        "-B",
        "-m",
        "pytest",
        *arguments,
        "--rootdir",
        str(REPOSITORY),
        str(path),
        home=make_home(tmp_path),
    )
    tmp_path.chmod(0o755)
    finished = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
        cwd=REPOSITORY,
        env={**os.environ},
    )
    last = finished.stdout.strip().splitlines()[-1] if finished.stdout.strip() else ""
    assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-2000:]
    passed = re.search(r"(\d+) passed", last)
    assert passed is not None
    if module != "test_escape_benign.py":
        assert int(passed.group(1)) >= len(ATTEMPTS) * 3 // 4
