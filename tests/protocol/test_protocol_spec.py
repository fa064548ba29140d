"""The specification: it names all there is, its generated parts are fresh, and staleness is noticed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from enum import StrEnum
from pathlib import Path

import pytest

from dspash_protocol import (
    MAX_DEPTH,
    MAX_TIMEOUT_MS,
    PROTOCOL_VERSION,
    Command,
    EventKind,
    FaultKind,
    NoticeName,
    Progress,
    ReverseCommand,
)
from dspash_protocol.limits import HEAD_BYTES, TAIL_BYTES

REPOSITORY = Path(__file__).resolve().parents[2]
SPEC = (REPOSITORY / "protocol" / "SPEC.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*Command, *ReverseCommand])
def test_every_command_has_its_own_paragraph_with_its_shape(name: str) -> None:
    (paragraph,) = re.findall(rf"^#### `{re.escape(name)}`\n(.+?)\n(?:\n|#)", SPEC, re.MULTILINE | re.DOTALL)
    assert "→" in paragraph


def test_no_command_is_described_that_is_none() -> None:
    assert set(re.findall(r"^#### `(.+)`$", SPEC, re.MULTILINE)) == {*Command, *ReverseCommand}


@pytest.mark.parametrize(
    "kinds", [FaultKind, Progress, EventKind, NoticeName], ids=lambda kinds: kinds.__name__
)
def test_every_kind_has_its_own_row(kinds: type[StrEnum]) -> None:
    assert [kind for kind in kinds if f"\n| `{kind}` | " not in SPEC] == []


def test_the_figures_are_those_of_the_code() -> None:
    assert f"version {PROTOCOL_VERSION}\n" in SPEC
    assert f"more than {MAX_DEPTH} maps and lists" in SPEC
    assert f"first {HEAD_BYTES} bytes" in SPEC
    assert f"last {TAIL_BYTES} bytes" in SPEC
    assert MAX_TIMEOUT_MS == 2**40
    assert "(0 … 2⁴⁰)" in SPEC


def test_every_link_within_the_page_leads_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", SPEC, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert {link for link in re.findall(r"\]\(#([^)]+)\)", SPEC) if link not in anchors} == set()


def generate(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "scripts/generators/generate.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(REPOSITORY / "scripts" / "generators", tmp_path / "scripts" / "generators")
    shutil.copytree(
        REPOSITORY / "protocol", tmp_path / "protocol", ignore=shutil.ignore_patterns("*_protocol")
    )
    return tmp_path


def test_what_is_generated_is_fresh(copy: Path) -> None:
    done = generate(copy, "--check", "vectors", "spec")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("name", "fresh", "stale"),
    [
        ("protocol/vectors/framing.json", '"48656c', '"48656d'),
        ("protocol/SPEC.md", "| `hello` | greeted |", "| `hello` | full |"),
    ],
)
def test_what_is_stale_is_named_left_alone_and_then_made_anew(
    copy: Path, name: str, fresh: str, stale: str
) -> None:
    path = copy / name
    before = path.read_text(encoding="utf-8")
    changed = before.replace(fresh, stale)
    assert changed != before
    path.write_text(changed, encoding="utf-8")
    done = generate(copy, "--check", "vectors", "spec")
    assert done.returncode == 1
    assert done.stdout.startswith(f"stale: {name}\n")
    assert path.read_text(encoding="utf-8") == changed
    done = generate(copy, "vectors", "spec")
    assert (done.returncode, done.stdout) == (0, f"written: {name}\n")
    assert path.read_text(encoding="utf-8") == before


def test_a_target_that_is_none_is_refused(copy: Path) -> None:
    done = generate(copy, "verses")
    assert done.returncode == 2
    assert "verses" in done.stderr
