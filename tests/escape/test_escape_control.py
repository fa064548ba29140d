"""Every attempt works where nothing stops it: one that fails here shows nothing by failing in the sandbox."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from dspash.sandbox import Tier
from tests.escape.attempt import Attempt, Control
from tests.escape.control import run_as_process
from tests.escape.corpus.catalogue import ATTEMPTS, CATEGORIES
from tests.escape.in_app import InApp
from tests.escape.needs import missing_for
from tests.escape.outcome import Outcome, escaped
from tests.escape.planted import Garden
from tests.escape.texts import text_of

pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(sys.platform != "linux", reason="the attempts are Linux's"),
]


TRIES = 3  # what else the machine does is noise, to pairs above all


@pytest.fixture(scope="module")
def garden() -> Iterator[Garden]:
    """One for all: each attempt has its own mark."""
    with Garden() as planted:
        yield planted


def names(attempts: tuple[Attempt, ...]) -> list[str]:
    """What pytest calls them."""
    return [attempt.name for attempt in attempts]


PROCESSES = tuple(attempt for attempt in ATTEMPTS if attempt.control is Control.PROCESS)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("attempt", PROCESSES, ids=names(PROCESSES))
def test_attempt_works_without_a_sandbox(garden: Garden, attempt: Attempt) -> None:
    if missing := missing_for(attempt):
        pytest.skip(f"this machine lacks {missing}")
    outcome = Outcome()
    for _ in range(TRIES):
        planted, number = garden.targets(), garden.number()
        outcome = run_as_process(garden, attempt, planted, number)
        if escaped(attempt, outcome, garden.traces(planted, number)):
            return
    pytest.fail(f"nothing came of it: {outcome.told[-2000:]}")


WORKERS = tuple(attempt for attempt in ATTEMPTS if attempt.control is Control.WORKER)


@pytest.fixture(scope="module")
def trusting() -> Iterator[InApp]:
    """An app that runs programs in a worker that it trusts."""
    with InApp(Tier.PROCESS) as app:
        yield app


@pytest.mark.timeout(60)
@pytest.mark.parametrize("attempt", WORKERS, ids=names(WORKERS))
def test_attempt_works_in_a_trusted_worker(garden: Garden, trusting: InApp, attempt: Attempt) -> None:
    planted, number = garden.targets(), garden.number()
    outcome = trusting.run(attempt, planted, number)
    assert escaped(attempt, outcome, garden.traces(planted, number)), f"{outcome.told[-2000:]}"


def test_corpus_is_broad_and_its_names_are_unique() -> None:
    assert len(ATTEMPTS) >= 140
    assert len(set(names(ATTEMPTS))) == len(ATTEMPTS)
    assert all(len(group) >= 5 for group in CATEGORIES.values())


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=names(ATTEMPTS))
def test_attempt_is_a_program(attempt: Attempt) -> None:
    compile(text_of(attempt), attempt.name, "exec")
