"""Step 2, the program: two modules, and what is done with them."""

from __future__ import annotations

from typing import Final

import dspash
from rag_baleen.retrieval import retrieve
from rag_baleen.signatures import GenerateAnswer, GenerateSearchQuery

__all__ = ["NAME", "create", "load"]

NAME: Final = "RagBaleen"

FORWARD_FN: Final = """
context = []
for _ in range({max_hops}):
    query = self.generate_query(question=question, context=context).query
    context += [passage for passage in retrieve(query=query) if passage not in context]
result = self.generate_answer(question=question, context=context)
"""
"""Runs in a sandboxed worker: `self` has the modules, `question` is the input, `retrieve` asks this process."""


def create(app: dspash.App, max_hops: int = 2) -> dspash.Program:
    """Define it, which also keeps it; the same definition again is no new version."""
    return app.program(
        NAME,
        modules={
            "generate_query": app.module("predict", GenerateSearchQuery, temperature=0.7, max_tokens=100),
            # It writes its reasoning before the answer: the signature need not ask for it.
            "generate_answer": app.module(
                "chain_of_thought", GenerateAnswer, temperature=0.7, max_tokens=1000
            ),
        },
        tools=[retrieve],
        forward_fn=FORWARD_FN.format(max_hops=max_hops),
    )


def load(app: dspash.App) -> dspash.Program:
    """Load the version that is live: the one promoted last, or the newest while none was."""
    return app.program(NAME, tools=[retrieve])
