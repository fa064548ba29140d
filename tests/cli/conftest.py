"""The command line as a user has it, on a database of the test's own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dspash.cli.entry import run


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """The one line of JSON on stdout."""
        assert self.out.count("\n") == 1, self
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, without settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("DSPASH_")]:
        monkeypatch.delenv(name)
    (tmp_path / "dspash.toml").write_text('database_url = "records.db"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def either_database(project: Path, migrated: str) -> str:
    """Have the project keep its records in a database of either kind, which has all tables; return its address."""
    (project / "dspash.toml").write_text(f"database_url = {json.dumps(migrated)}\n")
    return migrated


@pytest.fixture
def dspash(project: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in the project; `dspash("signatures", "list")`."""

    def dspash(*arguments: str) -> Done:
        capsys.readouterr()
        status = run(arguments)
        out, err = capsys.readouterr()
        return Done(int(status), out, err)

    return dspash
