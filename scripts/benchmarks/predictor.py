"""Predictor: the port through which ways to run DSPy's Predict are measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Final

__all__ = ["CRUNCH_SOURCE", "Predictor"]

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
    def predict(self, question: str) -> str:
        """Run `Predict("question -> answer")` once."""

    @abstractmethod
    def crunch(self, calls: int, rounds: int) -> None:
        """Run CRUNCH_SOURCE `calls` times with `rounds` rounds of computing each, as many at once as can be."""
