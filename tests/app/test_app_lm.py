"""app.lm: models asked through the gateway by a host and its programs, and what is known of that afterwards."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Generator
from pathlib import Path
from typing import Any

import pytest

import dspash
from dspash.gateway import GatewayError
from dspash.gateway.refusals import BudgetExceededError, GatewayClosedError
from provider_server import Asked, Manners, Mischief, ProviderServer, Said
from tests.leaks import no_leaks, wait_until

KEY = "sk-test-0123456789abcdefghij"

WAITING: list[str] = []
"""What was asked and is never answered."""


def answer(asked: Asked) -> Said:
    """As DSPy's chat adapter wants it where a program asks, else an echo."""
    if "[[ ##" in asked.text:
        return Said.of(asked, "[[ ## answer ## ]]\nAda\n\n[[ ## completed ## ]]")
    return Said.echo(asked)


def manners(_number: int, asked: Asked) -> Manners:
    if "wait" in asked.text:
        WAITING.append(asked.text)
        return Manners(Mischief.SILENT)
    return Manners(delay_s=0.02 if "slowly" in asked.text else 0.0)


@pytest.fixture(scope="module")
def server() -> Generator[ProviderServer]:
    with ProviderServer.running(key=KEY, reply=answer, etiquette=manners) as server:
        yield server


@pytest.fixture(scope="module")
def environment(server: ProviderServer) -> Generator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        yield


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, environment: None) -> Generator[dspash.App]:
    folder, database = tmp_path_factory.mktemp("lm"), tmp_path_factory.mktemp("kept") / "lm.db"
    with (
        no_leaks(folder),
        dspash.open(workers=1, timeout_s=20.0, lm="openai/gpt-4o-mini", database=database) as app,
    ):
        yield app


def test_a_host_asks_a_model(app: dspash.App, server: ProviderServer) -> None:
    made = app.lm.generate("Who are you?", system="Be brief.", temperature=0.5, max_tokens=20)
    assert (made.text, made.model, made.source) == (
        "You said: Who are you?",
        "openai/gpt-4o-mini",
        "provider",
    )
    assert (made.tokens, made.usage["input_tokens"]) == (8, 3)
    assert made.cost_usd is not None
    assert made.cost_usd > 0
    body = server.seen[-1].asked.body
    assert (body["temperature"], body["messages"][0]) == (0.5, {"role": "system", "content": "Be brief."})


def test_an_equal_prompt_is_answered_from_the_cache(app: dspash.App, server: ProviderServer) -> None:
    app.lm.generate("Again?")
    asked = len(server.seen)
    assert app.lm.generate("Again?").source == "cache"
    assert len(server.seen) == asked
    assert app.lm.generate("Again?", cache=False).source == "provider"
    assert app.lm.generate("Again?", rollout_id=1).source == "provider"
    assert app.lm.clear_cache() > 0
    assert app.lm.generate("Again?").source == "provider"


def test_a_batch_has_an_outcome_for_every_prompt(app: dspash.App, server: ProviderServer) -> None:
    told: list[int] = []
    prompts: list[Any] = [f"slowly {number}" for number in range(20)]
    prompts[7] = [{"role": "nobody", "content": "?"}]
    prompts[11] = "wait"
    batch = app.lm.generate_batch(
        prompts, at_once=5, timeout_s=1.0, on_item=lambda item: told.append(item.index)
    )
    assert [item.index for item in batch.errors] == [7, 11]
    assert isinstance(batch[7].error, dspash.InvalidInputError)
    assert batch[7].error.path == "$.prompts[7][0].role"
    assert isinstance(batch[11].error, GatewayError)
    with pytest.raises(GatewayError):
        _ = batch[11].text
    assert batch.texts[19] == "You said: slowly 19"
    assert sorted(told) == list(range(20))
    assert server.most_open <= 5


def test_tasks_ask_as_well_and_cancelling_one_drops_its_connection(
    app: dspash.App, server: ProviderServer
) -> None:
    async def ask() -> str:
        lost = server.abandoned
        waiting = asyncio.create_task(app.lm.agenerate("wait for me"))
        batch = await app.lm.agenerate_batch(["one", "two"])
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.to_thread(wait_until, lambda: server.abandoned > lost, "the connection to go")
        return f"{batch.texts[0]} {(await app.lm.acount_tokens('Who are you?')).how}"

    assert asyncio.run(ask()) == "You said: one estimate"


def test_what_a_program_asks_is_on_its_account(app: dspash.App) -> None:
    writer = app.module("predict", "question -> answer", id="writer")
    assert writer(question="Who wrote the first program?").answer == "Ada"
    (used,) = app.lm.usage(by="program", program="writer")
    assert (used.of, used.calls, used.sent, used.unpriced) == ({"program": "writer"}, 1, 1, 0)
    assert used.cost > 0
    (request,) = app.lm.inspect_history(5, program="writer")
    assert (request.provider, request.model, request.status) == ("openai", "gpt-4o-mini", "answered")
    assert "Who wrote the first program?" in str(request.prompt)
    assert request.response_text.startswith("[[ ## answer ## ]]\nAda")
    assert app.lm_requests.get(request.id) == request
    estimate = app.lm.estimate(program="writer", calls=100)
    assert estimate.input_tokens == 100 * request.input_tokens
    assert estimate.usd == pytest.approx(100 * (request.cost or 0))


def test_what_an_evaluation_asks_is_part_of_its_run(app: dspash.App) -> None:
    judged = app.module("predict", "question -> answer", id="judged")
    examples = [{"question": f"Who is {number}?", "answer": "Ada"} for number in range(4)]
    assert app.evaluate(judged, examples).score == 1.0
    (run,) = app.evaluations.list(filter={"status": "completed"}, sort="-created_at", limit=1).items
    (used,) = app.lm.usage(by="run", run=str(run.id))
    assert (used.sent, used.failed) == (4, 0)
    assert app.journal_entries.count(filter={"run": str(run.id)}) == 4


def test_what_fails_is_in_the_history(
    app: dspash.App, server: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "key", "another")
    with pytest.raises(GatewayError) as caught:
        app.lm.generate("Who may ask?")
    (failed,) = app.lm.inspect_history(1, failed=True)
    assert failed.error == {
        "type": "AuthError",
        "message": str(caught.value),
        "code": "auth",
        "provider": "openai",
        "status": 401,
    }
    assert KEY not in failed.model_dump_json()


def test_an_estimate_goes_by_the_prompts(app: dspash.App) -> None:
    found = app.lm.estimate(["word " * 400] * 3, max_tokens=100)
    assert (found.calls, found.output_tokens) == (3, 300)
    assert 1200 <= found.input_tokens <= 1600
    assert found.how == "the length of the prompts, and answers of 100 tokens"
    assert found.usd is not None
    assert found.most_usd is not None
    assert 0 < found.usd < found.most_usd
    with pytest.raises(dspash.ConfigurationError, match="'nobody'"):
        app.lm.estimate(program="nobody", calls=3)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"prompt": 3}, "$.prompt"),
        ({"prompt": []}, "$.prompt"),
        ({"prompt": [{"role": "user"}]}, "$.prompt[0].content"),
        ({"prompt": ["text"]}, "$.prompt[0]"),
        ({"prompt": "x", "temprature": 1.0}, "$.temprature"),
    ],
)
def test_a_prompt_that_is_none_is_refused_by_its_place(
    app: dspash.App, arguments: dict[str, Any], path: str
) -> None:
    with pytest.raises(dspash.InvalidInputError) as caught:
        app.lm.generate(**arguments)
    assert caught.value.path == path


def test_budgets_of_the_app_and_of_the_tenant_are_never_exceeded(
    tmp_path: Path, environment: None, server: ProviderServer
) -> None:
    before = len(server.seen)
    refused: list[BaseException] = []
    for _ in range(2):
        with dspash.open(
            workers=1, lm="openai/gpt-4o-mini", database=tmp_path / "b.db", budget={"calls": 3}, cache=False
        ) as app:
            if not app.budgets.count():
                app.lm.set_budget("all", calls=5)

            def ask(app: dspash.App = app) -> None:
                refused.extend(
                    item.error
                    for item in app.lm.generate_batch([str(number) for number in range(4)])
                    if item.error is not None
                )

            threads = [threading.Thread(target=ask) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
    assert len(server.seen) - before == 5  # three, and the two that were left
    assert len(refused) == 27
    assert all(isinstance(error, BudgetExceededError) for error in refused)


def test_whoever_waits_when_the_app_closes_is_told_so(environment: None) -> None:
    async def ask() -> list[str]:
        app = dspash.open(workers=1, lm="openai/gpt-4o-mini", database=None)
        before = len(WAITING)
        async with asyncio.TaskGroup() as group:
            waiting = [
                group.create_task(outcome(app.lm.agenerate("wait"))),
                group.create_task(outcome(app.lm.agenerate_batch(["wait a bit"]))),
                group.create_task(outcome(asyncio.to_thread(app.lm.generate, "wait long"))),
            ]
            await asyncio.to_thread(wait_until, lambda: len(WAITING) == before + 3, "the calls to be out")
            await asyncio.to_thread(app.close)
        return [task.result() for task in waiting]

    async def outcome(asked: Awaitable[Any]) -> str:
        try:
            await asked
        except GatewayClosedError as error:
            return str(error)
        return "an answer"

    assert asyncio.run(ask()) == ["the gateway was closed before the answer was there"] * 3


def test_without_a_database_models_are_asked_and_nothing_is_kept(
    environment: None, server: ProviderServer
) -> None:
    with dspash.open(workers=1, lm="openai/gpt-4o-mini", database=None) as app:
        assert app.lm.generate("Kept?").source == "provider"
        assert app.lm.generate("Kept?").source == "cache"
        with pytest.raises(dspash.ConfigurationError, match="keeps nothing"):
            app.lm.inspect_history()


@pytest.mark.parametrize(
    "arguments",
    [
        {"budget": "much"},
        {"budget": {"dollars": 1}},
        {"budget": {}},
        {"budget": -1.0},
        {"cache": 60},
        {"cache_ttl_s": 0},
    ],
    ids=str,
)
def test_settings_of_models_that_make_no_sense_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(dspash.ConfigurationError, match=f"^{next(iter(arguments))}"):
        dspash.open(**arguments)
