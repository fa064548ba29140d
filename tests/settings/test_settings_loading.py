"""Settings: which value holds, where it came from, and what is refused at which place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dspash import ConfigurationError
from dspash.settings import OriginKind, Settings, load_settings

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests are not theirs."""
    for name in [name for name in os.environ if name.startswith("DSPASH_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a `dspash.toml`; returns its folder."""

    def write(text: str) -> Path:
        (tmp_path / "dspash.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_without_a_file_or_variables_every_value_is_a_default(tmp_path: Path) -> None:
    loaded = load_settings(folder=tmp_path)

    assert loaded.file is None
    assert {origin.kind for origin in loaded.origins.values()} == {OriginKind.DEFAULT}
    assert loaded.origins.keys() == Settings.model_fields.keys()
    assert (loaded.values.lm, loaded.values.tenant, loaded.values.workers) == ("offline", "default", 2)


def test_options_win_over_the_environment_and_that_over_the_file(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write("# models\nworkers = 3\nlm = 'from-file'\ntenant = 'file'\n")
    monkeypatch.setenv("DSPASH_LM", "from-environment")
    monkeypatch.setenv("DSPASH_TENANT", "environment")

    loaded = load_settings(folder=folder, options={"tenant": "option", "actor": None})

    assert (loaded.values.workers, loaded.values.lm, loaded.values.tenant) == (
        3,
        "from-environment",
        "option",
    )
    assert str(loaded.origins["workers"]) == f"{folder / 'dspash.toml'}, line 2"
    assert str(loaded.origins["lm"]) == "DSPASH_LM"
    assert str(loaded.origins["tenant"]) == "--tenant"
    assert str(loaded.origins["actor"]) == "default"


def test_the_nearest_file_above_is_read_and_its_paths_are_relative_to_it(write: Write) -> None:
    folder = write('database_url = "data/project.db"\npython_path = ["src"]\npython = "venv/bin/python"\n')
    below = folder / "a" / "b"
    below.mkdir(parents=True)

    loaded = load_settings(folder=below)

    assert loaded.file == folder / "dspash.toml"
    assert loaded.values.database_url == str(folder / "data/project.db")
    assert loaded.values.python_path == (folder / "src",)
    assert loaded.values.python == str(folder / "venv/bin/python")


def test_paths_in_variables_are_relative_to_the_working_folder(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = write("") / "below"
    below.mkdir()
    monkeypatch.setenv("DSPASH_DATABASE_URL", "x.db")
    monkeypatch.setenv("DSPASH_PYTHON_PATH", os.pathsep.join(["one", "/two"]))

    values = load_settings(folder=below).values

    assert values.database_url == str(below / "x.db")
    assert values.python_path == (below / "one", Path("/two"))


def test_urls_and_commands_on_path_stay_as_they_are(write: Write) -> None:
    folder = write('database_url = "postgresql://me@host/name"\npython = "python3.12"\n')

    values = load_settings(folder=folder).values

    assert (values.database_url, values.python) == ("postgresql://me@host/name", "python3.12")


def test_a_variable_can_name_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write("workers = 3")
    other = folder / "other.toml"
    other.write_text("workers = 5")
    monkeypatch.setenv("DSPASH_CONFIG", str(other))

    assert load_settings(folder=folder).values.workers == 5
    assert load_settings(folder=folder, file=Path("dspash.toml")).values.workers == 3


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("lm = 'x'\nworkrs = 3", 2, "did you mean workers?"),
        ("\n\n'nonsense' = 3", 3, "there is no setting 'nonsense'"),
        ("lm = 'x'\n[gateway]\nworkers = 3", 2, "there is no setting 'gateway'"),
        ("lm = 'x'\nworkers = 0", 2, "greater than or equal to 1"),
        ("workers = 'many'", 1, "workers: "),
        ("python_path = ['a', 3]", 1, "python_path.1: "),
        ("sandbox = 'paper'", 1, "sandbox: "),
        ("timeout_s = inf", 1, "timeout_s: "),
        ("workers = 0\nlm = ''", 2, "1 more wrong value"),
    ],
)
def test_a_wrong_line_is_named(write: Write, text: str, line: int, told: str) -> None:
    folder = write(text)

    with pytest.raises(ConfigurationError) as caught:
        load_settings(folder=folder)

    assert f"{folder / 'dspash.toml'}, line {line}" in caught.value.path
    assert told in str(caught.value)


@pytest.mark.parametrize("text", ["workers =", "workers = 3\nworkers = 4", "[a", "\x00"])
def test_a_file_that_is_no_toml_is_named(write: Write, text: str) -> None:
    folder = write(text)

    with pytest.raises(ConfigurationError, match="it is no TOML") as caught:
        load_settings(folder=folder)

    assert caught.value.path == str(folder / "dspash.toml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "dspash.toml").write_bytes(b'lm = "\xff"')

    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_settings(folder=tmp_path)


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such file"):
        load_settings(folder=tmp_path, file=Path("none.toml"))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DSPASH_WORKRS", "3", "did you mean DSPASH_WORKERS?"),
        ("DSPASH_NONSENSE_XYZ", "3", "unset it"),
        ("DSPASH_WORKERS", "many", "valid integer"),
        ("DSPASH_TIMEOUT_S", "0", "greater than 0"),
    ],
)
def test_a_wrong_variable_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=told.replace("?", r"\?")) as caught:
        load_settings(folder=tmp_path)

    assert caught.value.path == name


def test_an_empty_variable_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSPASH_LM", "")

    loaded = load_settings(folder=tmp_path)

    assert (loaded.values.lm, str(loaded.origins["lm"])) == ("offline", "default")


def test_a_wrong_value_is_not_repeated_in_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSPASH_WORKERS", "sk-secret")

    with pytest.raises(ConfigurationError) as caught:
        load_settings(folder=tmp_path)

    assert "sk-secret" not in str(caught.value)


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
