"""Report: what a run of the demo has found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Answered", "Cost", "Judged", "Kept", "Report"]


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
    """One evaluation: mean scores from 0 to 1 by name, the one that counts first.

    Examples that failed count 0; `errors` says why, one each.
    """

    scores: Mapping[str, float]
    examples: int
    errors: tuple[str, ...]
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
            "failed": len(self.errors),
            **self.cost.to_map(),
        }


@dataclass(frozen=True, slots=True)
class Answered:
    """One question to the optimised program: what it answered, by the names of its fields, or why it did not."""

    asked: str
    expected: str
    outputs: Mapping[str, Any]
    error: str | None = None

    def to_map(self) -> dict[str, Any]:
        """Return it for JSON."""
        told = {"asked": self.asked, "expected": self.expected, "outputs": dict(self.outputs)}
        return told if self.error is None else {**told, "error": self.error}


@dataclass(frozen=True, slots=True)
class Kept:
    """What a database holds of `program` now, by the numbers of its versions.

    The run began with `began`, None for the plain program, and made `made`, None where that came to nothing new; `live` is
    the one that the next run begins with.
    """

    database: str
    program: str
    began: int | None
    made: int | None
    live: int | None

    def to_map(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "database": self.database,
            "program": self.program,
            "began": self.began,
            "made": self.made,
            "live": self.live,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The whole run: the program judged, optimised and judged again. `start` is what it was at first, for people."""

    task: str
    before: Judged
    optimization: Cost
    after: Judged
    answers: tuple[Answered, ...]
    start: str = "plain"
    kept: Kept | None = None

    @property
    def errors(self) -> tuple[str, ...]:
        """Why the program did not run, each time it did not."""
        unanswered = tuple(one.error for one in self.answers if one.error is not None)
        return (*self.before.errors, *self.after.errors, *unanswered)

    def to_map(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "before": self.before.to_map(),
            "after": self.after.to_map(),
            "optimization": self.optimization.to_map(),
            "answers": [one.to_map() for one in self.answers],
            "task": self.task,
            "start": self.start,
            "kept": None if self.kept is None else self.kept.to_map(),
        }
