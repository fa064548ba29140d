"""The page of the command line: its statuses are those there are, its commands and options exist."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

import pytest

from dspash.cli.exit_status import MEANINGS
from tests.cli.conftest import Run, dspash, project

__all__ = ["dspash", "project"]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """The words of every dspash command of the page, without variables before it and what a shell does with it."""
    found: list[list[str]] = []
    for line in (line for block in BLOCKS for line in block.splitlines()):
        words = shlex.shlex(line, posix=True, punctuation_chars="|&><")
        words.whitespace_split = True
        for is_break, part in itertools.groupby(words, lambda word: set(word) <= set("|&><")):
            told = list(part)
            if not is_break and "dspash" in told:
                found.append(told[told.index("dspash") + 1 :])
    return found


def test_the_statuses_are_those_of_the_commands() -> None:
    told = {
        int(number): meaning for number, meaning in re.findall(r"^\| (\d+) \| (.*) \|$", PAGE, re.MULTILINE)
    }

    assert told == {int(status): meaning for status, meaning in MEANINGS.items()}


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_of_the_page_exists_with_its_options(dspash: Run, words: list[str]) -> None:
    names = [word for word in words[:2] if re.fullmatch(r"[a-z][a-z-]*", word)]
    shown = dspash(*names, "--help")
    if shown.status != 0:  # the second word was an argument, not a command
        shown = dspash(names[0], "--help")

    assert shown.status == 0, shown.err
    for option in [word for word in words if word.startswith("--")]:
        assert re.search(rf"{option}\b", shown.out), (option, shown.out)
