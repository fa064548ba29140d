"""Many workers ask at once: equal questions are sent once, rollouts each, and a budget is never exceeded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import dspash
from provider_server import Asked, Manners, ProviderServer, Said

KEY = "sk-test-0123456789abcdefghij"
SCENES = Path(__file__).with_name("scenes")
WORKERS = 16
EACH = 5
BUDGET = 50


def answer(asked: Asked) -> Said:
    return Said.of(asked, "[[ ## answer ## ]]\nAda\n\n[[ ## completed ## ]]")


@pytest.fixture(scope="module")
def server() -> Generator[ProviderServer]:
    with (
        ProviderServer.running(key=KEY, reply=answer, etiquette=lambda *_: Manners(delay_s=0.05)) as server,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("OPENAI_API_KEY", KEY)
        environment.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        yield server


def program(app: dspash.App, name: str) -> dspash.Program:
    return app.program(name, cls=f"model_programs:{name}")


@pytest.mark.slow
def test_sixteen_racing_workers_never_exceed_a_budget(server: ProviderServer) -> None:
    before = server.asked
    with (
        dspash.open(
            lm="openai/gpt-4o-mini",
            workers=WORKERS,
            budget={"calls": BUDGET},
            database=None,
            sandbox="process",
            python_path=[SCENES],
        ) as app,
        ThreadPoolExecutor(WORKERS) as threads,
    ):
        asks = program(app, "AsksInTurn")
        questions = [[f"{worker} asks {number}" for number in range(EACH)] for worker in range(WORKERS)]
        outcomes = list(threads.map(lambda some: asks(questions=some).outcomes, questions))
    assert server.asked - before == BUDGET
    assert Counter(outcome for told in outcomes for outcome in told) == {
        "answered": BUDGET,
        "LMBillingError": WORKERS * EACH - BUDGET,
    }


def test_equal_questions_of_several_workers_are_sent_once_and_rollouts_each(server: ProviderServer) -> None:
    with (
        dspash.open(
            lm="openai/gpt-4o-mini", workers=2, database=None, sandbox="process", python_path=[SCENES]
        ) as app,
        ThreadPoolExecutor(8) as threads,
    ):
        before = server.asked
        asks = program(app, "AsksAtOnce")
        told = [threads.submit(asks, question="Who was it?", times=25) for _ in range(8)]
        assert sum(future.result(20).answers for future in told) == 200
        assert server.asked - before == 1
        before = server.asked
        for way in ("BestOfN", "Refine"):
            program(app, "Rollouts")(way=way, question=f"Who is the best by {way}?", count=3)
        asked = Counter(seen.asked.text for seen in server.seen[before:] if "advice" not in seen.asked.text)
    assert [asked.total(), len(asked)] == [6, 2]
