"""Every layer stops something that no other does; with all of them nothing of it gets out."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from dspash.sandbox import Tier, ZygoteSpec
from dspash_protocol.confinement_plan import Layer
from tests.escape.cells import Cells
from tests.escape.corpus.catalogue import ATTEMPTS
from tests.escape.layers import OF_THE_HOST, UNIQUE, attempts_of_the_kernel, find_escapes
from tests.escape.planted import Garden

pytestmark = [pytest.mark.serial, pytest.mark.slow, pytest.mark.bwrap, pytest.mark.timeout(120)]

TELLING = tuple(
    attempt for attempt in attempts_of_the_kernel() if attempt.name in frozenset().union(*UNIQUE.values())
)


@pytest.fixture(scope="module")
def garden() -> Iterator[Garden]:
    with Garden() as planted:
        yield planted


@pytest.fixture(scope="module")
def cells(garden: Garden) -> Iterator[Cells]:
    with Cells(ZygoteSpec.of(python=sys.executable, tier=Tier.STRICT)) as made:
        yield made


def test_with_every_layer_nothing_gets_out(cells: Cells, garden: Garden) -> None:
    assert find_escapes(cells, garden, TELLING, None).escapes == {}


@pytest.mark.parametrize("layer", list(Layer))
def test_without_a_layer_what_it_alone_stops_gets_out(cells: Cells, garden: Garden, layer: Layer) -> None:
    expected = set(UNIQUE[layer])
    if layer is Layer.NAMESPACES:
        expected |= UNIQUE[Layer.MOUNTS]
    assert set(find_escapes(cells, garden, TELLING, layer).escapes) == expected


def test_tables_name_attempts_that_exist() -> None:
    names = {attempt.name for attempt in ATTEMPTS}
    assert set(UNIQUE) == set(Layer)
    assert names >= OF_THE_HOST
    assert names >= frozenset().union(*UNIQUE.values())
