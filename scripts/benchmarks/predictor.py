"""Predictor: the port through which ways to run DSPy's Predict are measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Final

__all__ = ["CRUNCH_SOURCE", "PASSAGES", "Predictor", "Task"]


class Task(StrEnum):
    """The signatures that are run."""

    SHORT = "question -> answer"  # as little as a Predict can do
    READING = "question, passages: list[str] -> answer"  # what retrieval programs do


PASSAGES: Final = (
    (
        "The lighthouse on Skerry Point was finished in 1862 after four summers of building. Its engineer, Marian"
        " Holt, had drawn the plans during a winter spent measuring the waves, and she insisted on granite from Brae."
    ),
    (
        "Brae is a village of about nine hundred people on the northern shore of the sound. Its quarry closed in 1911;"
        " the railway that carried the stone to the harbour is now a footpath, much liked by walkers in early summer."
    ),
    (
        "Marian Holt was born in Torvay in 1821, the daughter of a clockmaker. She studied under the bridge builder"
        " Edwin Carse, built three lighthouses and two harbours, and left her notebooks to the library of her town."
    ),
)
"""What is read in a reading task."""

CRUNCH_SOURCE: Final = '''
import dspy


class Crunch(dspy.Module):
    """A Predict, and as much computing in Python around it as scoring or parsing a document would take."""

    def __init__(self):
        super().__init__()
        self.predict = dspy.Predict("question -> answer")

    def forward(self, question, rounds):
        total = 0
        for number in range(rounds):
            total = (total * 31 + number) % 1_000_003
        return self.predict(question=f"{question} {total}")
'''


class Predictor(ABC):
    """One way to run Predict with the offline model. A new object costs nothing, not even an import of DSPy."""

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def start(self) -> None:
        """Be ready to answer."""

    @abstractmethod
    def close(self) -> None:
        """End what was started."""

    @abstractmethod
    def predict(self, task: Task, inputs: Mapping[str, Any]) -> str:
        """Run `Predict` of one task once; the answer."""

    @abstractmethod
    def crunch(self, calls: int, rounds: int) -> None:
        """Run CRUNCH_SOURCE `calls` times with `rounds` rounds of computing each, as many at once as can be."""
