"""No attempt gets out of the tier `strict`, as a host app meets it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dspash.sandbox import Tier
from dspash_protocol.confinement_plan import Layer
from tests.escape.attempt import Attempt
from tests.escape.corpus.catalogue import ATTEMPTS
from tests.escape.in_app import InApp
from tests.escape.outcome import escaped
from tests.escape.planted import Garden

pytestmark = [pytest.mark.serial, pytest.mark.bwrap]


@pytest.fixture(scope="module")
def garden() -> Iterator[Garden]:
    with Garden() as planted:
        yield planted


@pytest.fixture(scope="module")
def strict(garden: Garden) -> Iterator[InApp]:
    """Opened in the garden: what is planted in this process is there when its zygote is started."""
    with InApp(Tier.STRICT) as app:
        yield app


@pytest.mark.timeout(60)
@pytest.mark.parametrize("attempt", ATTEMPTS, ids=[attempt.name for attempt in ATTEMPTS])
def test_attempt_is_stopped(garden: Garden, strict: InApp, attempt: Attempt) -> None:
    planted, number = garden.targets(), garden.number()
    outcome = strict.run(attempt, planted, number)
    evidence = escaped(attempt, outcome, garden.traces(planted, number))
    assert not evidence, f"{evidence}: {outcome.told[-2000:]}"


def test_calls_say_how_they_were_isolated(strict: InApp) -> None:
    assert strict.isolation is not None
    assert strict.isolation.tier == Tier.STRICT
    assert strict.isolation.layers == frozenset(Layer)
