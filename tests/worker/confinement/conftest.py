"""One server of cells for all tests of confinement, and a scratch folder for each."""

from __future__ import annotations

import contextlib
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
    with _folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def module_scratch() -> Generator[Path]:
    """One such folder for all tests of a module."""
    with _folder() as folder:
        yield folder


@contextlib.contextmanager
def _folder() -> Generator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="dspash-scratch-", dir="/tmp"))
    if os.getuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
