"""An app on the offline model, shared by the tests of a module; nothing of it is left at the end."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

import dspash
from tests.leaks import no_leaks


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Generator[dspash.App]:
    folder: Path = tmp_path_factory.mktemp("app")
    with no_leaks(folder), dspash.open(workers=2, timeout_s=20.0) as app:
        yield app
