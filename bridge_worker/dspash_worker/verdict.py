"""Verdict: what a metric says of one prediction."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Verdict"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A score, higher being better, and what to learn from it, if anything was said."""

    score: float
    feedback: str | None = None
