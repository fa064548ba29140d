"""Homes for ordinary users."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ordinary_user import make_home


@pytest.fixture
def home() -> Iterator[Path]:
    """Make a home, in a folder that others may enter: pytest's own are closed to all but root."""
    with tempfile.TemporaryDirectory(prefix="dspash-home-") as folder:
        Path(folder).chmod(0o755)
        yield make_home(Path(folder))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Make a folder that everybody may read, and its owner change."""
    with tempfile.TemporaryDirectory(prefix="dspash-open-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
