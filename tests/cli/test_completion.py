"""Completion: what a shell is offered, asked as a shell asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dspash.cli.entry import run
from tests.cli.conftest import Run


@pytest.fixture
def offered(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., list[str]]:
    """What bash is offered for the last of the words."""

    def offered(*words: str) -> list[str]:
        monkeypatch.setenv("_DSPASH_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", " ".join(["dspash", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        capsys.readouterr()
        with pytest.raises(SystemExit):
            run([])
        monkeypatch.delenv("_DSPASH_COMPLETE")
        return [line for line in capsys.readouterr().out.splitlines() if line]

    return offered


@pytest.mark.parametrize(
    ("words", "some"),
    [
        (["sta"], {"status"}),
        (["sig"], {"signatures"}),
        (["signatures", ""], {"list", "show", "create", "destroy"}),
        (["demo", "--task", ""], {"qa", "intents"}),
        (["resources", "sig"], {"signatures"}),
        (["config", "--de"], {"--debug", "--describe"}),
    ],
)
def test_commands_options_and_words_are_offered(
    offered: Callable[..., list[str]], words: list[str], some: set[str]
) -> None:
    assert some <= set(offered(*words))


def test_names_of_records_are_offered(dspash: Run, offered: Callable[..., list[str]]) -> None:
    for name in ["Alpha", "Alp_1", "Beta"]:
        dspash("signatures", "create", "--name", name, "--inputs", "question", "--outputs", "answer")

    assert sorted(offered("signatures", "show", "Al")) == ["Alp_1", "Alpha"]
    assert offered("signatures", "show", "Alp_") == ["Alp_1"]
    assert offered("signatures", "show", "%") == []


def test_no_names_are_offered_where_there_is_no_database(
    offered: Callable[..., list[str]], project: Path
) -> None:
    (project / "dspash.toml").write_text('database_url = "nonsense://"')

    assert offered("signatures", "show", "Al") == []
