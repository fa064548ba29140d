"""A program that keeps a processor busy; workers import it, and so does the process in which DSPy runs by itself."""

from __future__ import annotations

import dspy

__all__ = ["Digger"]


class Digger(dspy.Module):
    """Counts the primes below a number, in Python, by trial division."""

    def forward(self, below: int) -> dspy.Prediction:
        """Answer with how many there are."""
        found: list[int] = []
        for number in range(2, below):
            if all(number % prime for prime in found if prime * prime <= number):
                found.append(number)
        return dspy.Prediction(primes=len(found))
