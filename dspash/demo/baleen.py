"""SimplifiedBaleen: a multi-hop question answering program, as the source text that workers run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dspash.app import App, Program
from dspash.demo.overlap import f1_score
from dspash.demo.retrieval import Passage, PassageIndex
from dspash.demo.task import Example, Task

__all__ = ["BALEEN", "baleen_task"]

BALEEN: Final = '''
class GenerateSearchQuery(dspy.Signature):
    """Write a search query that finds what is still missing to answer a question."""

    question: str = dspy.InputField(desc="The question to answer")
    context: list[str] = dspy.InputField(desc="Passages found so far")
    query: str = dspy.OutputField(desc="Search query to find relevant information")


class GenerateAnswer(dspy.Signature):
    """Answer a question from the passages that were found for it."""

    question: str = dspy.InputField(desc="The question to answer")
    context: list[str] = dspy.InputField(desc="Retrieved passages")
    answer: str = dspy.OutputField(desc="Final answer to the question")
    confidence: float = dspy.OutputField(desc="Confidence score (0-1)")


class SimplifiedBaleen(dspy.Module):
    """Search, read, search again for what the passages point to, then answer."""

    def __init__(self, max_hops=2, passages_per_hop=3):
        super().__init__()
        self.max_hops = max_hops
        self.passages_per_hop = passages_per_hop
        self.generate_query = dspy.Predict(GenerateSearchQuery)
        self.generate_answer = dspy.ChainOfThought(GenerateAnswer)

    def forward(self, question):
        context = []
        for _ in range(self.max_hops):
            query = self.generate_query(question=question, context=context).query
            found = search(query=query, k=self.passages_per_hop)
            context += [passage for passage in found if passage not in context]
        return self.generate_answer(question=question, context=context)
'''
"""The program. `search` is a tool of the host, a global here. Baleen (Khattab et al., 2021) also condenses what it
finds between the hops; this keeps the passages whole.
"""

MAX_HOPS: Final = 2
OPTIMIZER: Final = {"max_bootstrapped_demos": 3, "max_labeled_demos": 10}


def baleen_task(
    title: str,
    passages: Sequence[Passage],
    trainset: Sequence[Example],
    devset: Sequence[Example],
    *,
    program: str = "SimplifiedBaleen",
) -> Task:
    """Answer questions by searching `passages`; an example has a `question` and its `answer`.

    `program` is the name under which it is kept: what it learns belongs to these passages.
    """
    index = PassageIndex(passages)
    tools = {"search": index.search}

    def define(app: App) -> Program:
        return app.program(program, source=BALEEN, tools=tools, init={"max_hops": MAX_HOPS})

    def load(app: App) -> Program:
        return app.program(program, tools=tools)

    return Task(
        title=f"{title}, {len(passages)} passages",
        trainset=tuple(trainset),
        devset=tuple(devset),
        input_field="question",
        output_field="answer",
        score_name="exact_match",
        metric="exact_match",
        further_scores={"f1_score": f1_score},
        optimizer_config=OPTIMIZER,
        define=define,
        program=program,
        load=load,
    )
