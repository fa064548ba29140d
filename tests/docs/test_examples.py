"""Every Python example of the README and the docs runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "bridge_worker" / "README.md",
    ROOT / "protocol" / "SPEC.md",
]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples_of(page: Path) -> list[str]:
    return BLOCK.findall(page.read_text())


WITH_EXAMPLES = [page for page in PAGES if examples_of(page)]


def test_the_readme_and_the_quickstart_have_examples() -> None:
    assert {"README.md", "quickstart.md", "how-to.md"} <= {page.name for page in WITH_EXAMPLES}


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_of_a_page_run_one_after_the_other(page: Path, tmp_path: Path) -> None:
    """A page is one program: a reader pastes its blocks in order."""
    script = tmp_path / "page.py"
    script.write_text("\n".join(examples_of(page)))
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
