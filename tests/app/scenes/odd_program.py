"""A program that does to its worker what the question says."""

from __future__ import annotations

import os

import dspy


class Odd(dspy.Module):
    """Answers with the question, unless that is `dies` or `spins`."""

    def forward(self, question: str) -> dspy.Prediction:
        """Answer, end the process, or never end."""
        if question == "dies":
            os._exit(3)
        while question == "spins":
            pass
        return dspy.Prediction(answer=question)
