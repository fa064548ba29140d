"""Secrets are shown nowhere, kept sealed, and opened by the keys they were sealed with alone."""

from __future__ import annotations

import copy
import pickle
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash.errors import ConfigurationError
from dspash.secrets import KEY_VARIABLE, SHOWN, KeyFile, Secret, Vault, is_reference, new_key, user_vault

TEXT = "sk-a-key-of-the-tests"
KEYS = [new_key() for _ in range(3)]
texts = st.text(min_size=1, max_size=200).filter(lambda text: text.encode(errors="ignore").decode() == text)


def vault(*keys: str, **environ: str) -> Vault:
    return Vault(lambda: keys, environ)


def test_secret_shows_itself_to_nobody() -> None:
    secret = Secret(TEXT)

    assert TEXT not in f"{secret} {secret!r} {[secret]} {{'key': {secret}}}"
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            leave(secret)
    assert secret == Secret(TEXT)
    assert secret != Secret("another")
    assert secret.redacted(f"a {TEXT} b") == f"a {SHOWN} b"


@given(texts)
def test_sealed_secret_comes_back_and_is_not_in_its_seal(text: str) -> None:
    sealed = vault(KEYS[0]).seal(Secret(text))

    assert vault(KEYS[0]).open(sealed) == Secret(text)
    assert len(text) < 4 or text not in sealed


def test_two_seals_of_one_secret_differ() -> None:
    assert vault(KEYS[0]).seal(Secret(TEXT)) != vault(KEYS[0]).seal(Secret(TEXT))


def test_another_key_opens_nothing() -> None:
    sealed = vault(KEYS[0]).seal(Secret(TEXT))

    with pytest.raises(ConfigurationError, match="none of the keys opens"):
        vault(KEYS[1]).open(sealed)


def test_seal_that_was_changed_does_not_open() -> None:
    sealed = vault(KEYS[0]).seal(Secret(TEXT))
    for place in (10, len(sealed) // 2, len(sealed) - 5):
        changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
        with pytest.raises(ConfigurationError):
            vault(KEYS[0]).open(changed)


def test_new_key_takes_over_and_the_old_one_can_go() -> None:
    sealed = vault(KEYS[0]).seal(Secret(TEXT))

    resealed = vault(KEYS[1], KEYS[0]).reseal(sealed)

    assert vault(KEYS[1]).open(resealed) == Secret(TEXT)
    assert vault(KEYS[0]).reseal("env:NAME") == "env:NAME"


def test_reference_is_kept_as_it_is_and_read_when_it_is_used() -> None:
    environ = {"THE_KEY": f" {TEXT}\n"}
    held = Vault(lambda: pytest.fail("no key is needed"), environ)

    assert held.kept_form("env:THE_KEY") == "env:THE_KEY"
    assert held.open("env:THE_KEY") == Secret(TEXT)
    del environ["THE_KEY"]
    assert held.open("env:THE_KEY") is None


@pytest.mark.parametrize("text", ["env:", "env:1X", "env:A B", "env:A$", "env:é"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    assert not is_reference(text)
    with pytest.raises(ConfigurationError, match="no reference"):
        vault(KEYS[0]).kept_form(text)


def test_what_is_no_key_is_refused_and_not_quoted() -> None:
    with pytest.raises(ConfigurationError, match="this is no key") as caught:
        vault("not-a-key-but-secret").seal(Secret(TEXT))

    assert "not-a-key" not in str(caught.value)
    assert caught.value.__context__ is None


def test_key_file_is_made_for_its_user_alone(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "folder" / "secret.key")

    keys = file.keys()

    assert file.keys() == keys
    assert len(keys) == 1
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert list(file.path.parent.iterdir()) == [file.path]


def test_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "secret.key")
    file.keys()
    file.path.chmod(0o640)

    with pytest.raises(ConfigurationError, match="chmod 600"):
        file.keys()


def test_empty_key_file_is_not_filled_again(tmp_path: Path) -> None:
    # A new key would open none of the secrets that are kept.
    file = KeyFile(tmp_path / "secret.key")
    file.path.touch(0o600)

    with pytest.raises(ConfigurationError, match="holds no key"):
        file.keys()


def test_variable_goes_before_the_file(tmp_path: Path) -> None:
    environ = {KEY_VARIABLE: f"{KEYS[1]}, {KEYS[0]}"}
    sealed = vault(KEYS[0]).seal(Secret(TEXT))

    held = user_vault(environ, tmp_path)

    assert held.open(sealed) == Secret(TEXT)
    assert vault(KEYS[1]).open(held.seal(Secret(TEXT))) == Secret(TEXT)
    assert not list(tmp_path.iterdir())


def test_without_a_variable_the_file_holds_the_key(tmp_path: Path) -> None:
    sealed = user_vault({}, tmp_path).seal(Secret(TEXT))

    assert user_vault({}, tmp_path).open(sealed) == Secret(TEXT)
    assert (tmp_path / "secret.key").is_file()
