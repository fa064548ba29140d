"""Models as programs meet them, from a worker's DSPy through the gateway to a provider's wire."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

import dspash
from dspash.errors import CallCancelledError, CallTimeoutError, LMCallError
from provider_server import Asked, Manners, Mischief, ProviderServer, Said, ToolUse
from tests.leaks import no_leaks, wait_until

KEY = "sk-of-the-host-alone"
SCENES = Path(__file__).with_name("scenes")
PICTURE = "data:image/png;base64,iVBORw0KGgo="
MANY = 120


class Provider:
    """What the server says and how, which a test may change."""

    def __init__(self) -> None:
        self.reply: Callable[[Asked], Said] = said_by_name
        self.manners = Manners()

    def say(self, asked: Asked) -> Said:
        return self.reply(asked)

    def behave(self, _number: int, _asked: Asked) -> Manners:
        return self.manners


def said_by_name(asked: Asked) -> Said:
    """The name of the model, as the chat adapter wants an answer."""
    return Said.of(asked, f"[[ ## answer ## ]]\n{asked.model}\n\n[[ ## completed ## ]]")


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider()


@pytest.fixture(scope="module")
def server(provider: Provider) -> Generator[ProviderServer]:
    with ProviderServer.running(key=KEY, reply=provider.say, etiquette=provider.behave) as server:
        yield server


@pytest.fixture(scope="module")
def app(server: ProviderServer, tmp_path_factory: pytest.TempPathFactory) -> Generator[dspash.App]:
    with pytest.MonkeyPatch.context() as environment:
        for name, path in {"OPENAI": "/v1", "ANTHROPIC": "", "GROQ": "/v1", "DEEPSEEK": "/v1"}.items():
            environment.setenv(f"{name}_API_KEY", KEY)
            environment.setenv(f"{name}_BASE_URL", server.url + path)
        with (
            no_leaks(tmp_path_factory.mktemp("app")),
            dspash.open(
                lm="openai/gpt-4o-mini", workers=1, timeout_s=20.0, database=None, python_path=[SCENES]
            ) as app,
        ):
            yield app


@pytest.fixture(autouse=True)
def _well_behaved(provider: Provider) -> None:
    provider.reply, provider.manners = said_by_name, Manners()


def program(app: dspash.App, name: str) -> dspash.Program:
    return app.program(name, cls=f"model_programs:{name}")


def test_hundreds_of_answers_are_under_way_for_one_program(
    app: dspash.App, server: ProviderServer, provider: Provider
) -> None:
    provider.reply = lambda asked: Said.of(asked, asked.text)
    provider.manners = Manners(delay_s=3.0)
    answers = program(app, "Many")(count=MANY).answers
    assert answers == [f"number {number}" for number in range(MANY)]
    assert server.most_open == MANY
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("dspash-lm")]


def test_programs_name_models_and_the_host_calls_them(app: dspash.App) -> None:
    answers = program(app, "Chooses")(question="Who?").answers
    assert answers == ["gpt-4o-mini", "claude-3-5-haiku-latest"]


def test_a_failure_is_what_dspy_calls_it_with_what_the_provider_said(
    app: dspash.App, provider: Provider
) -> None:
    failing = program(app, "Failing")
    provider.manners = Manners(Mischief.RATE_LIMITED, retry_after_s=900.0)
    told = failing(model="groq/llama")
    assert (told.kind, told.status, told.retry_after) == ("LMRateLimitError", 429, 900.0)
    assert told.provider == "groq"
    assert failing(model="nobody/knows").kind == "LMUnsupportedModelError"


def test_a_failure_that_ends_a_program_is_told_to_its_caller(app: dspash.App, provider: Provider) -> None:
    provider.manners = Manners(Mischief.RATE_LIMITED, retry_after_s=900.0)
    with pytest.raises(LMCallError) as caught:
        program(app, "Asks")(model="deepseek/chat")
    assert caught.value.details["code"] == "rate_limit"
    assert KEY not in str(caught.value)


def test_a_cancelled_call_drops_its_connection(
    app: dspash.App, server: ProviderServer, provider: Provider
) -> None:
    provider.manners = Manners(Mischief.SILENT)
    before, open_before = server.abandoned, server.asked
    module = app.module("predict", "question -> answer")
    future = app.submit("forward", {"module_id": module.id, "inputs": {"question": "Will it end?"}})
    wait_until(lambda: server.asked > open_before, "the provider to be asked")
    assert future.cancel()
    with pytest.raises(CallCancelledError):
        future.result()
    wait_until(lambda: server.abandoned > before, "the connection to be dropped")


def test_the_deadline_of_a_call_is_that_of_its_models(
    app: dspash.App, server: ProviderServer, provider: Provider
) -> None:
    provider.manners = Manners(Mischief.SILENT)
    before = server.abandoned
    module = app.module("predict", "question -> answer")
    with pytest.raises(CallTimeoutError):
        app.run(module, {"question": "How long?"}, timeout_s=1.0)
    wait_until(lambda: server.abandoned > before, "the connection to be dropped")


def test_tokens_are_streamed_through(app: dspash.App, provider: Provider) -> None:
    text = "[[ ## answer ## ]]\nGustave Eiffel built it for a fair\n\n[[ ## completed ## ]]"
    provider.reply = lambda asked: Said.of(asked, text)
    *items, prediction = app.module("predict", "question -> answer").stream(question="Who streams?")
    tokens = [item.text for item in items if isinstance(item, dspash.Token)]
    assert len(tokens) > 3
    assert isinstance(prediction, dspash.Prediction)
    assert "".join(tokens) == prediction.answer == "Gustave Eiffel built it for a fair"


def test_a_stream_that_is_left_drops_its_connection(
    app: dspash.App, server: ProviderServer, provider: Provider
) -> None:
    text = f"[[ ## answer ## ]]\n{'word ' * 2000}\n\n[[ ## completed ## ]]"
    provider.reply, provider.manners = lambda asked: Said.of(asked, text), Manners(between_s=0.01)
    before = server.abandoned
    for item in app.module("predict", "question -> answer").stream(question="For how long?"):
        assert isinstance(item, dspash.Token)
        break
    wait_until(lambda: server.abandoned > before, "the connection to be dropped")


def test_embeddings_come_from_the_host(app: dspash.App) -> None:
    assert program(app, "Embeds")(texts=["a tower", "a fair"]).shape == [2, 8]


def test_providers_call_tools_where_the_host_says_that_they_can(
    app: dspash.App, server: ProviderServer, provider: Provider
) -> None:
    provider.reply = lambda asked: Said("", (ToolUse("search", {"query": "tower"}),), False, 1, 1)
    assert program(app, "CallsTools")(question="Who?").calls == [["search", {"query": "tower"}]]
    assert [tool["function"]["name"] for tool in server.seen[-1].asked.body["tools"]] == ["search"]


def test_pictures_and_schemas_reach_the_provider(
    app: dspash.App, server: ProviderServer, provider: Provider
) -> None:
    provider.reply = lambda asked: Said.of(asked, '{"words": ["a", "tower"]}')
    assert program(app, "Sees")(picture=PICTURE).words == ["a", "tower"]
    body: Any = server.seen[-1].asked.body
    assert PICTURE in str(body["messages"])
    assert body["response_format"]["type"] == "json_schema"


def test_several_samples_are_several_calls(
    app: dspash.App, server: ProviderServer, provider: Provider
) -> None:
    provider.reply = lambda asked: Said.of(asked, f"answer {server.asked}")
    before = server.asked
    answers = program(app, "Samples")(count=3).answers
    assert len(set(answers)) == 3
    assert server.asked == before + 3


def test_usage_is_told_with_the_prediction(app: dspash.App) -> None:
    prediction = app.module("predict", "question -> answer")(question="How much?")
    (tokens,) = prediction.usage_of_lm.values()
    assert tokens["total_tokens"] == tokens["prompt_tokens"] + tokens["completion_tokens"] > 0
    assert prediction.usage.lm_calls == 1
    assert prediction.usage.lm_tokens == tokens["total_tokens"]
