"""One server of cells for all tests of confinement, and a scratch folder for each."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.worker.confinement.cells import CellServer

NOBODY = 65534


@pytest.fixture(scope="session")
def cells() -> Generator[CellServer]:
    """The server that forks confined processes."""
    server = CellServer()
    yield server
    server.close()


@pytest.fixture
def scratch() -> Generator[Path]:
    """An empty folder that the confined user may write, below folders that all may pass."""
    folder = Path(tempfile.mkdtemp(prefix="dspash-scratch-", dir="/tmp"))
    if os.getuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)
