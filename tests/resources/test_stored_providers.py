"""Providers and aliases that are kept lead to models; their keys are sealed, and shown to nobody."""

from __future__ import annotations

import io
import os
import sqlite3
from collections.abc import Generator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from dspash.errors import ConflictError, InvalidInputError
from dspash.gateway.errors import UnsupportedModelError
from dspash.gateway.providers.directory import ProviderDirectory
from dspash.gateway.providers.environment import environment_roster
from dspash.resources import DOMAIN
from dspash.resources.kernel import AuditEntry, Context, StoredScene
from dspash.resources.lm.stored_providers import LOOK_AGAIN_S, LOOK_FOR_NAME_S, LOOKS_AT_ONCE, StoredProviders
from dspash.resources.model_alias import ModelAlias
from dspash.resources.provider import Provider
from dspash.resources.transfer import export_records
from dspash.secrets import KEY_VARIABLE, new_key, user_vault
from dspash.store import Store
from provider_server import ProviderServer

SECRET = "sk-the-secret-of-these-tests"


class Inline(Executor):
    """An executor that does at once what it is given."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    made = new_key()
    monkeypatch.setenv(KEY_VARIABLE, made)
    return made


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("providers") / "kept.db"


@pytest.fixture(scope="module")
def store(file: Path) -> Generator[Store]:
    with Store.open(file) as opened:
        yield opened


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    return request.node.name[:200]


@pytest.fixture
def scene(store: Store, tenant: str) -> StoredScene:
    return StoredScene(Context(actor="ada", tenant=tenant, request_id="r"), domain=DOMAIN, store=store)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def directory(scene: StoredScene, clock: Clock) -> ProviderDirectory:
    stored: Any = StoredProviders(
        lambda: scene,
        user_vault(os.environ),
        lambda: environment_roster({}),
        Inline(),
        clock=clock,
    )
    return ProviderDirectory(stored)


def refused(problem: str, **arguments: Any) -> Any:
    return pytest.raises(InvalidInputError, match=problem), arguments


def test_provider_that_is_kept_serves_its_models(scene: StoredScene, directory: ProviderDirectory) -> None:
    scene.of(Provider).create(
        name="work",
        type="openai",
        api_key=SECRET,
        config={
            "base_url": "https://proxy.example/v1",
            "model": "gpt-4o-mini",
            "concurrency": 4,
            "tokens_per_min": 9,
        },
    )

    (named,) = directory.resolve("work/o3", scene.context.tenant).targets
    (alone,) = directory.resolve("work", scene.context.tenant).targets

    assert (named.provider, named.type, named.model) == ("work", "openai", "o3")
    assert alone.model == "gpt-4o-mini"
    assert (named.limits.concurrency, named.limits.tokens_per_min) == (4, 9)
    assert directory.connection(named).sent_key() == SECRET
    with pytest.raises(UnsupportedModelError):
        directory.resolve("work/o3", "south")


def test_key_is_in_nothing_that_is_kept_or_shown(scene: StoredScene, file: Path) -> None:
    made = scene.of(Provider).create(name="openai", api_key=SECRET)
    scene.of(Provider).update(made, api_key=f"{SECRET}-2")
    exported = io.StringIO()
    export_records(scene, exported)
    audited = [entry.model_dump_json() for entry in scene.of(AuditEntry).iterate()]
    with sqlite3.connect(file) as connection:
        dumped = "\n".join(connection.iterdump())
    connection.close()

    for shown in (exported.getvalue(), *audited, repr(made), dumped, made.model_dump_json()):
        assert SECRET not in shown
    assert "sealed:" in dumped
    assert "sealed:" not in exported.getvalue() + "".join(audited) + repr(made)


def test_reference_is_kept_as_the_name_of_its_variable(
    scene: StoredScene, directory: ProviderDirectory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.of(Provider).create(name="openai", api_key="env:MY_OWN_KEY")

    with pytest.raises(UnsupportedModelError, match="MY_OWN_KEY, which is not set"):
        directory.resolve("openai/o3", scene.context.tenant)
    monkeypatch.setenv("MY_OWN_KEY", SECRET)
    clock.now += LOOK_FOR_NAME_S
    (target,) = directory.resolve("openai/o3", scene.context.tenant).targets

    assert directory.connection(target).sent_key() == SECRET


def test_change_is_seen_within_a_second_and_what_did_not_change_stays(
    scene: StoredScene, directory: ProviderDirectory, clock: Clock
) -> None:
    scene.of(Provider).create(name="ollama")
    before = directory.resolve("ollama/llama3.2:3b", scene.context.tenant)
    clock.now += LOOK_AGAIN_S
    assert directory.resolve("ollama/llama3.2:3b", scene.context.tenant) is before

    scene.of(Provider).update("ollama", config={"base_url": "http://gpu:11434"})
    assert directory.resolve("ollama/llama3.2:3b", scene.context.tenant) is before
    clock.now += LOOK_AGAIN_S
    directory.resolve("ollama/llama3.2:3b", scene.context.tenant)

    (target,) = directory.resolve("ollama/llama3.2:3b", scene.context.tenant).targets
    assert target.endpoint == "http://gpu:11434/v1"


def test_names_that_nobody_knows_do_not_ask_the_database_each_time(
    scene: StoredScene, directory: ProviderDirectory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    look = StoredProviders._look

    def counted(self: StoredProviders, tenant: str, *, anew: bool = False) -> Any:
        looks.append(tenant)
        return look(self, tenant, anew=anew)

    monkeypatch.setattr(StoredProviders, "_look", counted)
    for number in range(50):
        with pytest.raises(UnsupportedModelError):
            directory.resolve(f"nobody/{number}", scene.context.tenant)
    assert len(looks) == 1 + LOOKS_AT_ONCE  # the first one reads what there is

    scene.of(Provider).create(name="nobody", type="ollama")
    clock.now += LOOK_FOR_NAME_S
    assert directory.resolve("nobody/1", scene.context.tenant).targets[0].type == "ollama"


def test_what_is_kept_is_found_at_once(scene: StoredScene, directory: ProviderDirectory) -> None:
    with pytest.raises(UnsupportedModelError):
        directory.resolve("cellar/m", scene.context.tenant)

    scene.of(Provider).create(name="cellar", type="ollama")

    assert directory.resolve("cellar/m", scene.context.tenant).targets[0].type == "ollama"


@pytest.mark.parametrize("name", ["temprature", "extensions", "api_key"])
def test_alias_with_a_setting_that_no_request_has_is_refused(scene: StoredScene, name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        scene.of(ModelAlias).create(name="fast", model="openai/o3", defaults={name: 1})
    assert caught.value.path == f"$.defaults.{name}"


def test_alias_names_a_model_with_its_settings(scene: StoredScene, directory: ProviderDirectory) -> None:
    scene.of(Provider).create(name="openai", api_key=SECRET)
    alias = scene.of(ModelAlias).create(
        name="fast", model="openai/gpt-4o-mini", defaults={"temperature": 0.3}, fallbacks=["offline"]
    )

    targets = directory.resolve("fast", scene.context.tenant).targets

    assert [target.name for target in targets] == ["openai/gpt-4o-mini", "offline/offline"]
    assert targets[0].defaults == {"temperature": 0.3}
    assert alias.target == "openai/gpt-4o-mini"
    changed = scene.of(ModelAlias).update(alias, model="o3")
    assert (changed.provider, changed.model, changed.defaults) == ("openai", "o3", {"temperature": 0.3})


def test_there_is_one_default_at_most_and_it_has_a_model(
    scene: StoredScene, directory: ProviderDirectory
) -> None:
    providers = scene.of(Provider)
    first = providers.create(name="one", type="ollama", config={"model": "a"}, is_default=True)
    providers.create(name="two", type="ollama", config={"model": "b"}, is_default=True)

    assert not providers.get(first.id).is_default
    assert directory.resolve("default", scene.context.tenant).targets[0].name == "two/b"
    with pytest.raises(InvalidInputError, match=r"config\.model"):
        providers.create(name="three", type="ollama", is_default=True)
    with pytest.raises(InvalidInputError, match=r"config\.model"):
        providers.update("two", config={})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "openai"}, "env:OPENAI_API_KEY"),
        ({"name": "nothing-like-it"}, "there are openai"),
        ({"name": "offline"}, "what dspash itself calls"),
        ({"name": "default", "type": "ollama"}, "what dspash itself calls"),
        ({"name": "a/b", "type": "ollama"}, "name"),
        ({"name": "mine", "type": "offline"}, "always there"),
        ({"name": "mine", "type": "openai-compatible"}, "base_url"),
        ({"name": "azure", "api_key": "k"}, r"settings\.resource"),
        ({"name": "ollama", "config": {"base_url": "http://u:p@x"}}, r"\$\.config\.base_url"),
        ({"name": "anthropic", "api_key": "k", "config": {"wire": "chat"}}, r"\$\.config\.wire"),
        ({"name": "ollama", "config": {"api_key": SECRET}}, r"\$\.config\.api_key"),
        ({"name": "ollama", "config": {"models": {"m": {"input": -1}}}}, "input"),
        ({"name": "openai", "api_key": "env:no good"}, "no reference"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_makes_no_provider_is_refused_with_its_place(
    scene: StoredScene, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInputError, match=said) as caught:
        scene.of(Provider).create(**arguments)

    assert SECRET not in str(caught.value)
    assert not list(scene.of(Provider).iterate())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "fast", "model": "gpt-4o"}, "PROVIDER/MODEL"),
        ({"name": "offline", "model": "openai/o3"}, "what dspash itself calls"),
        ({"name": "fast", "model": "openai/o3", "defaults": {"api_key": "k"}}, r"\$\.defaults\.api_key"),
        ({"name": "fast", "model": "openai/o3", "fallbacks": ["fast"]}, "stand in for itself"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_makes_no_alias_is_refused(scene: StoredScene, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        scene.of(ModelAlias).create(**arguments)


def test_names_are_unique(scene: StoredScene) -> None:
    scene.of(Provider).create(name="ollama")
    with pytest.raises(ConflictError):
        scene.of(Provider).create(name="ollama")


def test_new_key_of_the_vault_takes_over(
    scene: StoredScene, directory: ProviderDirectory, clock: Clock, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = scene.of(Provider).create(name="openai", api_key=SECRET)
    newer = new_key()
    monkeypatch.setenv(KEY_VARIABLE, f"{newer},{key}")
    scene.of(Provider).reseal(record)
    monkeypatch.setenv(KEY_VARIABLE, newer)

    assert scene.of(Provider).get("openai").opened_key(user_vault(os.environ)) is not None
    monkeypatch.setenv(KEY_VARIABLE, new_key())
    clock.now += LOOK_AGAIN_S
    stored: Any = StoredProviders(
        lambda: scene,
        user_vault(os.environ),
        lambda: environment_roster({}),
        Inline(),
    )
    with pytest.raises(UnsupportedModelError, match="none of the keys opens"):
        ProviderDirectory(stored).resolve("openai/o3", scene.context.tenant)


def test_provider_is_tested_by_asking_for_its_models(scene: StoredScene) -> None:
    with ProviderServer.running(key=SECRET) as server:
        config = {"base_url": f"{server.url}/v1"}
        providers = scene.of(Provider)
        providers.create(name="mine", type="openai", api_key=SECRET, config=config)
        providers.create(name="wrong", type="openai", api_key="sk-another-key", config=config)
        providers.create(name="gone", type="openai-compatible", config={"base_url": "http://127.0.0.1:9/v1"})

        assert providers.models("mine") == ["m-1", "m-2"]
        tested = providers.test("mine")
        assert (tested["ok"], tested["models"], tested["problem"]) == (True, 2, None)
        wrong = providers.test("wrong")
        assert wrong["ok"] is False
        assert "sk-another-key" not in wrong["problem"]
        assert "(HTTP 401)" in wrong["problem"]
        gone = providers.test("gone")
        assert "ConnectError" in gone["problem"]
