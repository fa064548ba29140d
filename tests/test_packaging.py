"""The distribution: what is in the wheel, and what the locks promise."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-bench.lock")
PACKAGES = ("dspash", "dspash_protocol", "dspash_worker")


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=15)
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_wheel_holds_exactly_the_three_packages(wheel_names: list[str]) -> None:
    top_level = {name.split("/")[0] for name in wheel_names}
    assert {name for name in top_level if not name.endswith(".dist-info")} == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_wheel_marks_each_package_as_typed(wheel_names: list[str], package: str) -> None:
    assert f"{package}/py.typed" in wheel_names


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_no_address_and_pins_every_package_with_hashes(lock: str) -> None:
    text = (REPOSITORY / lock).read_text()
    assert re.findall(r"https?:|file:|--index-url|--extra-index-url|--find-links", text) == []
    entries = re.split(r"^(?=[a-z])", text.replace("\\\n", " "), flags=re.MULTILINE)[1:]
    assert entries
    unpinned = [
        entry for entry in entries if not re.match(r"[a-z0-9.-]+==\S+( ;[^\n]*)? +--hash=sha256:", entry)
    ]
    assert unpinned == []


def test_bench_lock_extends_the_lock_without_changing_a_version() -> None:
    pins = [set(re.findall(r"^(\S+==\S+)", (REPOSITORY / lock).read_text(), re.MULTILINE)) for lock in LOCKS]
    assert pins[0] < pins[1]


@pytest.mark.parametrize(
    "script", ["scripts/demo", "scripts/test", "scripts/check", "scripts/lock", "scripts/bench", ".ci/run"]
)
def test_script_is_executable_and_stops_at_the_first_error(script: str) -> None:
    path = REPOSITORY / script
    assert path.stat().st_mode & 0o111 == 0o111
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in path.read_text()
