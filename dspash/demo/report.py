"""Report: what a run of the demo has found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Answered", "Cost", "Judged", "Report"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a step has taken."""

    lm_calls: int
    seconds: float

    def to_map(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"lm_calls": self.lm_calls, "seconds": round(self.seconds, 3)}


@dataclass(frozen=True, slots=True)
class Judged:
    """One evaluation: mean scores from 0 to 1 by name, the one that counts first; failed examples count 0 in them."""

    scores: Mapping[str, float]
    examples: int
    failed: int
    first_error: str | None
    cost: Cost

    @property
    def score(self) -> float:
        """The score that counts."""
        return next(iter(self.scores.values()))

    def to_map(self) -> dict[str, Any]:
        """Return it for JSON."""
        scores = {name: round(score, 6) for name, score in self.scores.items()}
        return {
            "score": round(self.score, 6),
            **scores,
            "examples": self.examples,
            "failed": self.failed,
            **self.cost.to_map(),
        }


@dataclass(frozen=True, slots=True)
class Answered:
    """One example that the optimised program answered, by the names of its fields."""

    asked: str
    expected: str
    outputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """The whole run: the program judged, optimised and judged again."""

    task: str
    before: Judged
    optimization: Cost
    after: Judged
    answers: tuple[Answered, ...]

    @property
    def failed(self) -> int:
        """How many examples failed, before and after."""
        return self.before.failed + self.after.failed

    def to_map(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "before": self.before.to_map(),
            "after": self.after.to_map(),
            "optimization": self.optimization.to_map(),
            "answers": [
                {"asked": one.asked, "expected": one.expected, "outputs": dict(one.outputs)}
                for one in self.answers
            ],
            "task": self.task,
        }
