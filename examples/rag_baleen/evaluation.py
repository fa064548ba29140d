"""Step 6, evaluation: how the program does on questions that it has not learned from."""

from __future__ import annotations

import dspash
from rag_baleen.questions import questions_of

__all__ = ["evaluate"]


def evaluate(
    app: dspash.App, program: dspash.Program, examples: int = 50, shown: int = 3
) -> dspash.Evaluation:
    """Judge it and print the outcome, with some of the answers."""
    devset = questions_of("dev", examples)
    found = app.evaluate(program, devset, "exact_match")
    print(f"Total: {found.total}")
    print(f"Correct: {found.correct}")
    print(f"Accuracy: {found.score:.2%}")
    for example, result in list(zip(devset, found.results, strict=True))[:shown]:
        predicted = result.error if result.prediction is None else result.prediction.answer
        print(f"\nQuestion: {example['question']}")
        print(f"Gold: {example['answer']}")
        print(f"Predicted: {predicted}")
        print(f"Correct: {result.score >= 1.0}")
    return found
