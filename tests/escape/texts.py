"""Texts: attempts as the programs that are run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.escape.attempt import Attempt

__all__ = ["WITNESS_TEXT", "program_of", "text_of"]

_HERE: Final = Path(__file__).parent
_ARMOURY: Final = (_HERE / "armoury.py").read_text(encoding="utf-8")
WITNESS_TEXT: Final = (_HERE / "witness.py").read_text(encoding="utf-8")

_PROGRAM: Final = """

import dspy

class Program(dspy.Module):
    def forward(self, planted):
        return dspy.Prediction(answer={entry}(planted))
"""


def text_of(attempt: Attempt) -> str:
    """The attempt with what it draws on."""
    return f"{_ARMOURY}\n\n{attempt.source}"


def program_of(text: str, entry: str = "attempt") -> str:
    """A DSPy program whose answer is what the text's function `entry` returns for the input `planted`."""
    return text + _PROGRAM.format(entry=entry)
