"""In a plain session DSPy calls a provider itself, with the key that the host gave and tells nobody."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from dspash_protocol import FaultKind
from dspash_worker.testing import LocalWorker

KEY = "sk-test-0123456789"


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    path = Path(__file__).parents[2] / "chat_server.py"
    spec = importlib.util.spec_from_file_location("chat_server", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules.setdefault("chat_server", importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    with module.ChatServer.running(api_key=KEY) as running:
        yield running


@pytest.fixture
def worker(server: Any) -> LocalWorker:
    made = LocalWorker(full=False)
    lm = {
        "provider": "openai",
        "model": "offline",
        "api_key": KEY,
        "api_base": server.api_base,
        "temperature": 0.0,
    }
    assert made.call("configure", lm=lm) == {"status": "configured"}
    return made


def test_configured_provider_answers(worker: LocalWorker, server: Any) -> None:
    worker.call("create_module", id="qa", type="chain_of_thought", signature="question, context -> answer")
    context = "The Eiffel Tower was designed by Gustave Eiffel."
    answer = worker.call(
        "forward", module_id="qa", inputs={"question": "Who designed the Eiffel Tower?", "context": context}
    )
    assert "Gustave Eiffel" in answer["answer"]
    assert worker.last is not None
    assert worker.last.asked == []
    assert server.asked[-1]["temperature"] == 0.0


def test_optimizers_run_on_it(worker: LocalWorker) -> None:
    worker.call("create_module", id="qa", type="predict", signature="question, context -> answer")
    trainset = [{"question": "Who?", "context": "It was Ada.", "answer": "Ada"}]
    result = worker.call(
        "optimize", optimizer="LabeledFewShot", module_id="qa", trainset=trainset, metric="f1_score"
    )
    assert len(result["traces"]) == 1


def test_a_wrong_key_is_told_without_the_key(worker: LocalWorker, server: Any) -> None:
    wrong = "sk-wrong-9876543210"
    worker.call(
        "configure",
        lm={"provider": "openai", "model": "offline", "api_key": wrong, "api_base": server.api_base},
    )
    worker.call("create_module", id="m", type="predict", signature="q -> a")
    fault = worker.fault("forward", module_id="m", inputs={"q": "?"})
    assert (fault.kind, fault.details["code"]) == (FaultKind.LM_ERROR, "auth")
    assert wrong not in str(fault.to_map())
    assert wrong not in str(worker.call("inspect_history", n=5))
    assert wrong not in str(worker.call("dump_state", id="m"))


@pytest.mark.parametrize("type_", ["predict", "react"])
def test_a_call_before_configure_says_what_to_send(type_: str) -> None:
    worker = LocalWorker(full=False)
    worker.call("create_module", id="m", type=type_, signature="q -> a")
    fault = worker.fault("forward", module_id="m", inputs={"q": "?"})
    assert fault.kind is FaultKind.UNAVAILABLE
    assert fault.message == "no language model is configured; send `configure` with an `lm` first"


def test_the_shape_of_the_origin_has_its_default_models() -> None:
    worker = LocalWorker(full=False)
    for provider, model in (("openai", "openai/gpt-4"), ("anthropic", "anthropic/claude-3-opus-20240229")):
        worker.call("configure", lm={"provider": provider, "api_key": "sk-0123456"})
        lm = worker.workbench.configuration(cast("Any", worker.last)).lm
        assert lm is not None
        assert lm.model == model


@pytest.mark.parametrize(
    ("lm", "path"),
    [
        ({}, "$.lm.model"),
        ({"provider": "acme"}, "$.lm.model"),
        ({"provider": 7}, "$.lm.provider"),
        ({"model": "openai/x", "api_key": 7}, "$.lm.api_key"),
        ({"model": "openai/x", "temprature": 1}, "$.lm.temprature"),
        ({"model": "openai/"}, "$.lm"),
        (7, "$.lm"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place(lm: Any, path: str) -> None:
    fault = LocalWorker(full=False).fault("configure", lm=lm)
    assert (fault.kind, fault.details["path"]) == (FaultKind.INVALID_INPUT, path)


@pytest.mark.parametrize(
    ("lm", "path", "way_out"),
    [
        ({"provider": "OpenAI", "model": "gpt-4"}, "$.lm.provider", "openai"),
        ({"provider": "antropic", "model": "claude"}, "$.lm.provider", "anthropic"),
        ({"model": "my-organisation/model"}, "$.lm.model", "provider/model"),
        ({"model": "a-model-of-nobody"}, "$.lm.model", "provider/model"),
    ],
)
def test_a_model_that_nobody_serves_is_refused_before_it_is_called(
    lm: dict[str, str], path: str, way_out: str
) -> None:
    fault = LocalWorker(full=False).fault("configure", lm={**lm, "api_key": KEY})
    assert (fault.kind, fault.details["path"]) == (FaultKind.INVALID_INPUT, path)
    assert way_out in fault.message
    assert KEY not in str(fault.to_map())


@pytest.mark.parametrize("model", ["gpt-4", "openai/gpt-4", "ollama_chat/llama3", "mistral/mistral-small"])
def test_a_model_that_dspy_or_litellm_serves_is_taken(model: str) -> None:
    assert LocalWorker(full=False).call("configure", lm={"model": model, "api_key": KEY}) == {
        "status": "configured"
    }


def test_without_litellm_its_providers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(**_options: str) -> None:
        raise ImportError("litellm")

    monkeypatch.setattr("dspash_worker.providers.get_litellm", absent)
    fault = LocalWorker(full=False).fault("configure", lm={"model": "mistral/mistral-small"})
    assert (fault.kind, fault.details["path"]) == (FaultKind.INVALID_INPUT, "$.lm.model")
    assert "LiteLLM" in fault.message
