"""Names lead where the environment, the aliases and the providers say, and a name that leads nowhere says what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash.errors import ConfigurationError
from dspash.gateway.errors import AuthError, UnsupportedModelError
from dspash.gateway.providers.catalogue import PROVIDER_TYPES
from dspash.gateway.providers.connection import Connection, address_of, provider_type
from dspash.gateway.providers.directory import EnvironmentOnly, ProviderDirectory
from dspash.gateway.providers.environment import environment_roster, keys_found, no_key_notice
from dspash.gateway.providers.model_table import bundled_table
from dspash.gateway.providers.naming import split_name
from dspash.gateway.providers.provider_type import Wire
from dspash.gateway.providers.roster import ModelName, Roster
from dspash.secrets import Secret

KEYS = {"OPENAI_API_KEY": "sk-one", "ANTHROPIC_API_KEY": "sk-two"}


def directory(
    environ: Mapping[str, str] = KEYS, default: str | None = None, **aliases: ModelName
) -> ProviderDirectory:
    roster = Roster(aliases=aliases).with_fallback_on(environment_roster(environ))
    return ProviderDirectory(EnvironmentOnly(roster), default=default)


def names(route: Any) -> list[str]:
    return [target.name for target in route.targets]


@pytest.mark.parametrize("name", ["openai/gpt-4o-mini", "openai:gpt-4o-mini"])
def test_key_in_the_environment_makes_its_provider_available(name: str) -> None:
    (target,) = directory().resolve(name, "default").targets

    assert (target.provider, target.type, target.model) == ("openai", "openai", "gpt-4o-mini")
    assert target.endpoint == "https://api.openai.com/v1"
    assert target.max_output_tokens == 16_384
    assert "sk-one" not in repr(target)


@pytest.mark.parametrize(
    ("environ", "name", "address"),
    [
        ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://here:4000/v1/"}, "openai", "http://here:4000/v1"),
        ({"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "https://here"}, "anthropic", "https://here/v1"),
        ({"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "https://here/v1"}, "anthropic", "https://here/v1"),
        ({"GOOGLE_API_KEY": "k"}, "gemini", "https://generativelanguage.googleapis.com/v1beta"),
        ({"OLLAMA_HOST": "0.0.0.0:9999"}, "ollama", "http://127.0.0.1:9999/v1"),
        ({}, "ollama", "http://localhost:11434/v1"),
        ({"VLLM_BASE_URL": "http://gpu:8000/v1"}, "vllm", "http://gpu:8000/v1"),
        ({"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_RESOURCE": "mine"}, "azure", "resource=mine"),
        ({"OPENAI_COMPATIBLE_BASE_URL": "http://x/v1"}, "openai-compatible", "http://x/v1"),
    ],
)
def test_addresses_are_those_of_the_providers_own_tools(
    environ: dict[str, str], name: str, address: str
) -> None:
    assert environment_roster(environ).connections[name].endpoint == address


def test_without_its_key_or_address_a_provider_is_not_there() -> None:
    found = environment_roster({"AZURE_OPENAI_API_KEY": "k", "GROQ_API_KEY": "  "}).connections

    assert set(found) == {"ollama", "vllm", "lmstudio"}
    assert keys_found(KEYS) == {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
    assert no_key_notice(KEYS) is None
    assert "offline" in (no_key_notice({}) or "")


@pytest.mark.parametrize(
    "address",
    ["ftp://host", "http://", "https://user:pw@host/v1", "https://host/v1?key=abc", "https://host#x"],
)
def test_what_is_no_address_is_refused_without_what_may_be_a_secret(address: str) -> None:
    found = directory({**KEYS, "OPENAI_BASE_URL": address})

    with pytest.raises(UnsupportedModelError, match="OPENAI_BASE_URL is") as caught:
        found.resolve("openai/o3", "default")

    assert "pw" not in str(caught.value)
    assert "abc" not in str(caught.value)
    assert found.resolve("anthropic/any", "default").targets


def test_wire_that_a_kind_has_not_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="it has messages"):
        Connection("a", provider_type("anthropic"), "https://x", wire=Wire.CHAT)


def test_alias_leads_to_its_model_with_its_settings_and_fallbacks() -> None:
    found = directory(
        fast=ModelName("openai/gpt-4o-mini", {"temperature": 0.2}, ("smart", "offline")),
        smart=ModelName("anthropic/claude-sonnet-4-5", {"temperature": 1.0, "max_tokens": 9}),
    )

    route = found.resolve("fast", "default")

    assert names(route) == ["openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5", "offline/offline"]
    first, second, third = route.targets
    assert first.defaults == {"temperature": 0.2}
    assert second.defaults == {
        "temperature": 0.2,
        "max_tokens": 9,
    }  # what is nearer to the program goes first
    assert third.is_local


def test_alias_that_leads_back_to_itself_is_refused() -> None:
    found = directory(a=ModelName("b"), b=ModelName("a"))

    with pytest.raises(UnsupportedModelError, match="leads back to itself: a → b"):
        found.resolve("a", "default")


def test_default_is_what_the_host_says_then_the_default_provider_then_offline() -> None:
    kept = Roster(
        {"mine": Connection("mine", provider_type("groq"), "https://x", Secret("k"), default_model="m")},
        default="mine",
    )

    assert names(directory(default="openai/o3").resolve("default", "t")) == ["openai/o3"]
    for said in (None, "default"):
        assert names(ProviderDirectory(EnvironmentOnly(kept), default=said).resolve("default", "t")) == [
            "mine/m"
        ]
    assert names(directory().resolve("default", "t")) == ["offline/offline"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gemini/gemini-2.5-pro", "set GEMINI_API_KEY"),
        ("azure/x", "set AZURE_OPENAI_API_KEY"),
        ("opnai/gpt-4o", "openai"),
        ("gpt-4o-mini", "openai/gpt-4o-mini"),
        ("smrat", "smart"),
        ("openai", "say which model"),
        ("what/ever", "models are called PROVIDER/MODEL"),
    ],
)
def test_name_that_leads_nowhere_says_what_to_do(name: str, said: str) -> None:
    with pytest.raises(UnsupportedModelError, match="no model is called") as caught:
        directory(smart=ModelName("openai/o3")).resolve(name, "default")

    assert said in str(caught.value)


@dataclass
class Asked:
    """Configured providers that count how often they are asked."""

    rosters: dict[str, Roster]
    times: int = 0

    def roster(self, tenant: str) -> Roster:
        self.times += 1
        return self.rosters[tenant]

    def fresh_roster(self, tenant: str) -> Roster:
        return self.roster(tenant)


def test_offline_is_answered_without_a_look_at_what_is_configured() -> None:
    configured = Asked({})
    found = ProviderDirectory(configured, default="offline")

    for name in ("offline", "offline/small", "default"):
        assert found.resolve(name, "default").targets[0].is_local
        found.capabilities(name, "default")
    price = found.price_of(found.resolve("offline", "default").targets[0])

    assert price is not None
    assert price.cost({"input_tokens": 1_000_000}).usd == 0.0
    assert configured.times == 0


def test_tenants_of_one_name_have_keys_of_their_own() -> None:
    rosters = {
        tenant: environment_roster({"OPENAI_API_KEY": f"sk-{tenant}"}) for tenant in ("north", "south")
    }
    found = ProviderDirectory(Asked(rosters))

    (north,), (south,) = (found.resolve("openai/o3", tenant).targets for tenant in ("north", "south"))

    assert north.key_id != south.key_id
    assert found.connection(north).sent_key() == "sk-north"
    assert found.connection(south).sent_key() == "sk-south"


def test_key_that_was_replaced_serves_the_calls_that_began_with_it() -> None:
    configured = Asked({"t": environment_roster({"OPENAI_API_KEY": "sk-old"})})
    found = ProviderDirectory(configured)
    (old,) = found.resolve("openai/o3", "t").targets
    configured.rosters["t"] = environment_roster({"OPENAI_API_KEY": "sk-new"})

    (new,) = found.resolve("openai/o3", "t").targets

    assert found.connection(old).sent_key() == "sk-old"
    assert found.connection(new).sent_key() == "sk-new"
    for number in range(400):
        configured.rosters["t"] = environment_roster({"OPENAI_API_KEY": f"sk-{number}"})
        found.resolve("openai/o3", "t")
    with pytest.raises(AuthError, match="changed since"):
        found.connection(old)


def test_unusable_provider_says_why_and_hides_that_of_the_environment() -> None:
    kept = Roster(unusable={"openai": "its key is in MY_KEY, which is not set"})
    found = ProviderDirectory(EnvironmentOnly(kept.with_fallback_on(environment_roster(KEYS))))

    with pytest.raises(UnsupportedModelError, match="MY_KEY"):
        found.resolve("openai/o3", "t")


@given(st.text(max_size=40))
def test_every_name_leads_somewhere_or_is_refused(name: str) -> None:
    provider, model = split_name(name)
    assert len(provider) + len(model) <= len(name)
    with contextlib.suppress(UnsupportedModelError):
        assert directory().resolve(name, "default").targets


def test_capabilities_are_those_of_model_and_wire() -> None:
    environ = {**KEYS, "GEMINI_API_KEY": "k"}
    found = directory(environ)

    mini = found.capabilities("openai/gpt-4o-mini", "t")
    claude = found.capabilities("anthropic/claude-sonnet-4-5", "t")
    gemini = found.capabilities("gemini/gemini-2.5-pro", "t")
    unknown = found.capabilities("openai/nobody-knows-it", "t")

    assert mini.supports_function_calling
    assert mini.supports_response_schema
    assert not mini.supports_reasoning
    assert {"seed", "stop", "response_format", "tools"} <= mini.supported_params
    assert claude.supports_reasoning
    assert "seed" not in claude.supported_params
    assert "parallel_tool_calls" not in gemini.supported_params
    assert not unknown.supports_function_calling
    assert "tools" not in unknown.supported_params


def test_every_kind_has_an_address_or_says_where_it_comes_from() -> None:
    for kind in PROVIDER_TYPES.values():
        if kind.is_local:
            continue
        assert address_of(kind, None) is not None or kind.url_variables
        assert kind.key_variables or not kind.needs_key
        assert all(
            family in {name.partition("/")[0] for name in bundled_table().names()} for family in kind.prices
        )
