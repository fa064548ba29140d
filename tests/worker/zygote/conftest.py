"""Zygotes that tests share: one whose forks have namespaces of their own, and one without."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.worker.zygote.zygote_host import ZygoteHost

StartZygote: TypeAlias = Callable[..., ZygoteHost]

KINDS = ["group", pytest.param("nest", marks=pytest.mark.bwrap)]


@pytest.fixture
def start_zygote(tmp_path: Path) -> Iterator[StartZygote]:
    """Start zygotes; they are gone at the end, and their forks with them."""
    started: list[ZygoteHost] = []

    def start(**options: Any) -> ZygoteHost:
        folder = tmp_path / f"zygote{len(started)}"
        folder.mkdir()
        started.append(ZygoteHost(folder, **options))
        return started[-1]

    yield start
    for zygote in started:
        zygote.close()


@pytest.fixture(scope="module")
def shared_zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], ZygoteHost]]:
    """The one zygote of a kind that the tests of a module share."""

    @functools.cache
    def find(kind: str) -> ZygoteHost:
        started.append(ZygoteHost(tmp_path_factory.mktemp(kind), nests=kind == "nest"))
        return started[-1]

    started: list[ZygoteHost] = []
    yield find
    for zygote in started:
        zygote.close()
