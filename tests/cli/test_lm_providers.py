"""Providers on the command line: what there is, whether it answers, and never a key."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from dspash.gateway.providers.catalogue import PROVIDER_TYPES
from dspash.secrets import KEY_VARIABLE, Vault, new_key
from provider_server import ProviderServer
from tests.cli.conftest import Run

SECRET = "sk-the-secret-of-these-tests"


@pytest.fixture(scope="module")
def server() -> Generator[ProviderServer]:
    with ProviderServer.running(key=SECRET) as running:
        yield running


@pytest.fixture(autouse=True)
def environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in PROVIDER_TYPES.values():
        for variable in (*kind.key_variables, *kind.url_variables):
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(KEY_VARIABLE, new_key())


def test_key_in_the_environment_is_found_and_not_shown(dspash: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    none = dspash("lm", "providers", "--json").value
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    shown, told = dspash("lm", "providers"), dspash("lm", "providers", "--json").value

    assert "no LLM" in none["notice"]
    assert told["notice"] is None
    (row,) = (row for row in told["providers"] if row["name"] == "openai")
    assert (row["source"], row["key"]) == ("environment", "env:OPENAI_API_KEY")
    assert len(row["key_id"]) == 24
    assert "https://api.openai.com/v1" in shown.out
    assert SECRET not in shown.out + shown.err + str(told)

    monkeypatch.setenv("OPENAI_BASE_URL", "nothing://like-it")
    told = dspash("lm", "providers", "--json").value
    (row,) = (row for row in told["providers"] if row["name"] == "openai")
    assert row["problem"] == "OPENAI_BASE_URL is no address; begin it with https:// or http://"


@pytest.mark.timeout(60)
def test_provider_is_added_shown_tried_and_read(dspash: Run, project: Path, server: ProviderServer) -> None:
    (project / "key.txt").write_text(SECRET)
    config = f'{{"base_url": "{server.url}/v1", "model": "m-1"}}'

    made = dspash(
        "providers",
        "create",
        "--name",
        "mine",
        "--type",
        "openai",
        "--api-key",
        "@key.txt",
        "--config",
        config,
    )
    assert made.status == 0, made
    alias = dspash("model-aliases", "create", "--name", "fast", "--model", "mine/m-2")
    assert alias.status == 0, alias

    rows = {row["name"]: row for row in dspash("lm", "providers", "--json").value["providers"]}
    assert rows["mine"]["key"] == "sealed"
    assert dspash("lm", "test", "mine").out.startswith("mine: 2 models")
    for name in ("mine/m-1", "mine", "fast"):
        tried = dspash("lm", "test", name, "--json")
        assert (tried.status, tried.value["ok"]) == (0, True)
    assert [row["model"] for row in dspash("lm", "models", "mine", "--json").value["models"]] == [
        "m-1",
        "m-2",
    ]
    for said in (made, dspash("providers", "show", "mine"), dspash("providers", "list", "--json")):
        assert SECRET not in said.out + said.err
        assert "sealed:" not in said.out


def test_provider_that_does_not_answer_fails(dspash: Run, server: ProviderServer) -> None:
    config = f'{{"base_url": "{server.url}/v1"}}'
    dspash(
        "providers",
        "create",
        "--name",
        "wrong",
        "--type",
        "openai",
        "--api-key",
        "sk-no-good",
        "--config",
        config,
    )

    tried = dspash("lm", "test", "wrong", "--json")

    assert (tried.status, tried.value["ok"]) == (1, False)
    assert "HTTP 401" in tried.value["problem"]
    assert "sk-no-good" not in tried.out + tried.err
    gone = dspash("lm", "models", "nobody")
    assert gone.status == 2
    assert "dspash lm providers" in gone.err


def test_known_models_are_listed_with_prices_and_their_source(
    dspash: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)

    told = dspash("lm", "models", "openai", "--known", "--json").value

    (row,) = (row for row in told["models"] if row["model"] == "gpt-4o-mini")
    assert (row["input_usd"], row["output_usd"], row["max_output"]) == (0.15, 0.6, 16_384)
    assert "LiteLLM" in told["prices"]


def test_new_key_seals(dspash: Run) -> None:
    key = dspash("lm", "new-key", "--json").value["key"]

    sealed = Vault(lambda: [key], {}).kept_form(SECRET)
    assert SECRET not in sealed


def test_offline_is_no_llm_and_says_so(dspash: Run) -> None:
    assert "no LLM" in dspash("lm", "test", "offline").out
