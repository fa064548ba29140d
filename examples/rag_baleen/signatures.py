"""Step 1, signatures: what the two modules are asked."""

from __future__ import annotations

import dspash

__all__ = ["GenerateAnswer", "GenerateSearchQuery"]


class GenerateSearchQuery(dspash.Signature):
    """Write a search query that finds what is still missing to answer a question."""

    question: str = dspash.Input(desc="The question to answer")
    context: list[str] = dspash.Input(desc="Passages found so far")
    query: str = dspash.Output(desc="Search query to find relevant information")


class GenerateAnswer(dspash.Signature):
    """Answer a question from the passages that were found for it."""

    question: str = dspash.Input(desc="The question to answer")
    context: list[str] = dspash.Input(desc="Retrieved passages")
    answer: str = dspash.Output(desc="Final answer to the question")
    confidence: float = dspash.Output(desc="Confidence score (0-1)")
