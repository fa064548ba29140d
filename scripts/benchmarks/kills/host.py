"""A host that executes, runs and records all at once until it is killed: `python host.py NAME DATABASE`.

Each line on stdout is JSON that says what an API call has returned, and so acknowledged. Of executions that is the look
at `app.traces`, which waits until those before it are written.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import dspash

EXAMPLES: list[Any] = [{"question": f"What is {number}?", "answer": str(number)} for number in range(8)]
EXECUTED_AT_ONCE = 5
_TIMEOUT_S = 60.0


def tell(**told: Any) -> None:
    """Write one line, at once and whole."""
    os.write(1, f"{json.dumps(told)}\n".encode())


def tell_record(made: Any) -> None:
    """Tell of a record as it was returned."""
    tell(
        resource=type(made).__name__,
        id=str(made.id),
        version=made.version,
        status=getattr(made, "status", ""),
    )


def main(name: str, database: str) -> None:
    """Work for ever; ends, and says why, when anything fails."""
    failed = threading.Event()
    app = dspash.open(database=database, workers=2, lm="offline", timeout_s=_TIMEOUT_S)

    def hold(question: str) -> str:
        tell(held=str(held.id))
        threading.Event().wait()
        return question

    answer = "result = {'answer': self.qa(question=question).answer}"
    qa = app.module("predict", "question -> answer")
    answers = app.program("Answers", forward_fn=answer, modules={"qa": qa}, sandbox="process")
    app.program("Held", forward_fn="result = {'answer': hold(question)}", tools=[hold], sandbox="process")
    tell_record(app.programs.get("Answers"))
    held = app.evaluations.create(program="Held", devset=EXAMPLES[:1])

    def execute(number: int) -> None:
        questions = [f"{name}, {number}, {each}" for each in range(EXECUTED_AT_ONCE)]
        for question in questions:
            answers(question=question)
        app.traces.count()
        tell(executed=questions)

    def evaluate(_number: int) -> None:
        made = app.evaluations.create(program="Answers", devset=EXAMPLES)
        tell_record(made)
        tell_record(app.evaluations.run(made.id))

    def optimize(number: int) -> None:
        made = app.runs.create(
            program="Answers", trainset=EXAMPLES, optimizer="labeled_fewshot", config={"k": 2}, seed=number
        )
        tell_record(made)
        tell_record(app.runs.start(made.id))

    def record(number: int) -> None:
        made = app.signatures.create(name=f"{name}-{number}", inputs=["question"], outputs=["answer"])
        tell_record(made)
        tell_record(app.signatures.update(made, docstring="Be brief."))

    def repeat(work: Callable[[int], None]) -> None:
        try:
            for number in itertools.count():
                work(number)
        finally:
            failed.set()  # which only an error can bring about

    for work in (execute, evaluate, optimize, record, lambda _: app.evaluations.run(held.id)):
        threading.Thread(target=repeat, args=(work,), daemon=True).start()
    failed.wait()
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
