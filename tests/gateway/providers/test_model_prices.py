"""What a call costs is reckoned as its provider counts tokens; what is not known is not guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash.gateway.port import JsonMap
from dspash.gateway.price import Price, Rates
from dspash.gateway.providers.connection import provider_type
from dspash.gateway.providers.model_table import ModelTable, bundled_table

TABLE = ModelTable(
    {
        "openai/plain": {"input": 1.0, "output": 2.0},
        "openai/cached": {
            "input": 1.0,
            "output": 2.0,
            "cache_read": 0.1,
            "cache_write": 1.25,
            "reasoning": 3.0,
        },
        "openai/long": {
            "input": 1.0,
            "output": 2.0,
            "long": {"above": 200, "input": 10.0, "output": 20.0},
            "max_output": 7,
        },
        "anthropic/cached": {"input": 1.0, "output": 2.0, "cache_read": 0.1},
        "gemini/thinks": {"input": 1.0, "output": 2.0},
        "openai/embeds": {"input": 1.0},
        "openai/free-of-price": {"max_input": 9},
        "azure/deployed": {"input": 4.0, "output": 4.0, "able": ["tools"]},
    },
    basis="a table of the tests",
)
USAGE: JsonMap = {"input_tokens": 100, "output_tokens": 50, "cache_read_tokens": 40, "reasoning_tokens": 20}
counts = st.integers(0, 10**9)


def usd(kind: str, model: str, usage: JsonMap = USAGE) -> float:
    """Cost in millionths of a dollar, which is what tokens cost here."""
    price = TABLE.facts(provider_type(kind), model).price
    assert price is not None
    return round(price.cost(usage).usd * 1_000_000, 6)


@pytest.mark.parametrize(
    ("kind", "model", "millionths"),
    [
        ("openai", "plain", 100 * 1 + 50 * 2),
        (
            "openai",
            "cached",
            60 * 1 + 40 * 0.1 + 30 * 2 + 20 * 3,
        ),  # caches and reasoning are part of the counts
        ("anthropic", "cached", 100 * 1 + 40 * 0.1 + 50 * 2),  # what is cached is apart
        ("gemini", "thinks", 100 * 1 + 50 * 2 + 20 * 2),  # what is thought is apart
        ("openai", "embeds", 100 * 1),
    ],
)
def test_cost_is_reckoned_as_the_provider_counts(kind: str, model: str, millionths: float) -> None:
    assert usd(kind, model) == pytest.approx(millionths)


def test_long_prompts_have_rates_of_their_own() -> None:
    assert usd("openai", "long", {"input_tokens": 200, "output_tokens": 1}) == 202
    assert usd("openai", "long", {"input_tokens": 201, "output_tokens": 1}) == 2030
    facts = TABLE.facts(provider_type("openai"), "long")
    assert facts.max_output == 7


@pytest.mark.parametrize("model", ["nobody-knows-it", "free-of-price"])
def test_price_that_is_not_known_is_not_guessed(model: str) -> None:
    assert TABLE.facts(provider_type("openai"), model).price is None


def test_own_computer_sends_no_bill() -> None:
    for name in ("ollama", "vllm", "lmstudio"):
        price = TABLE.facts(provider_type(name), "any").price
        assert price is not None
        assert price.cost(USAGE).usd == 0


def test_what_the_owner_states_goes_first() -> None:
    azure = provider_type("azure")

    like = TABLE.facts(azure, "my-deployment", {"like": "azure/deployed", "able": ["tools", "schema"]})
    stated = TABLE.facts(azure, "deployed", {"input": 1.0, "output": 1.0})

    assert like.price is not None
    assert like.price.rates.input * 1_000_000 == pytest.approx(4.0)
    assert like.able == {"tools", "schema"}
    assert stated.price is not None
    assert stated.price.basis == "stated by its owner"
    assert stated.able == {"tools"}
    assert TABLE.facts(azure, "my-deployment").price is None


@given(st.dictionaries(st.sampled_from([*USAGE, "cache_write_tokens"]), counts), st.booleans(), st.booleans())
def test_what_is_set_aside_is_never_less_than_what_is_billed(
    usage: JsonMap, cache_apart: bool, thought_apart: bool
) -> None:
    rates = Rates(1.0, 2.0, cache_read=0.1, cache_write=1.5, reasoning=3.0)
    price = Price(rates, "", cache_is_apart=cache_apart, reasoning_is_apart=thought_apart)
    numbers = {name: figure for name, figure in usage.items() if isinstance(figure, int)}
    read = sum(numbers.get(name, 0) for name in ("input_tokens", "cache_read_tokens", "cache_write_tokens"))
    written = sum(numbers.get(name, 0) for name in ("output_tokens", "reasoning_tokens"))

    assert price.cost(usage).usd <= price.most_usd(read, written) * (1 + 1e-9)


def test_bundled_table_knows_its_source_and_the_models_of_every_provider() -> None:
    table = bundled_table()

    assert "LiteLLM" in table.basis
    assert table.basis[-10:].count("-") == 2  # a date
    for name, model in (
        ("openai", "gpt-4o-mini"),
        ("anthropic", "claude-sonnet-4-5"),
        ("gemini", "gemini-2.5-pro"),
    ):
        facts = table.facts(provider_type(name), model)
        assert facts.price is not None
        assert facts.max_input is not None
        assert "tools" in facts.able
        assert model in table.models(provider_type(name))
