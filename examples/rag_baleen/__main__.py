"""The whole workflow: `python -m rag_baleen`. A second run begins with what the first has made."""

from __future__ import annotations

import dspash
from rag_baleen import program
from rag_baleen.evaluation import evaluate
from rag_baleen.monitoring import watch
from rag_baleen.optimisation import optimise


def main() -> None:
    """Define the program, optimise it unless that has been done, judge it, ask it, look at how it did."""
    # Step 4, the language model: `offline` needs no account and is no LLM.
    with dspash.open(workers=2, lm="offline") as app:
        print("Creating RAG program...")
        program.create(app)

        if app.programs.get(program.NAME).live_version is None:
            print("Optimizing program...")
            print(f"Training score: {optimise(app):.2f}")

        live = program.load(app)
        print(f"\nEvaluating version {app.programs.get(program.NAME).live_version}...")
        evaluate(app, live)

        print("\nTesting with example question...")
        answer = live(question="The engineer whose company built the Eiffel Tower was born in which city?")
        print(f"Answer: {answer.answer}")
        print(f"Confidence: {answer.confidence}")

        print("\nMonitoring...")
        watch(app, live)


if __name__ == "__main__":
    main()
