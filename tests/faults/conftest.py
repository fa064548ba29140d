"""Bridges on fake workers, for faults that a real worker does not commit; and a look at what they leave."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bridge.conftest import open_bridge
from tests.leaks import no_leaks

__all__ = ["leaves_nothing", "open_bridge"]


@pytest.fixture(scope="module")
def leaves_nothing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The module leaves no thread, descriptor, process or temporary file."""
    with no_leaks(tmp_path_factory.mktemp("temporary")):
        yield
