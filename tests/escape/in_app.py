"""In an app: runs attempts as a host app runs programs, through everything that is between it and a worker."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

import dspash
from dspash import App, DspashError, Limits
from tests.escape.attempt import Attempt, Control
from tests.escape.outcome import Outcome
from tests.escape.texts import WITNESS_TEXT, program_of, text_of

__all__ = ["InApp"]

_BOUND_S: Final = 30.0
_BYSTANDER: Final = """
import time

import dspy

class Bystander(dspy.Module):
    def forward(self):
        begun()
        time.sleep(0.8)
        return dspy.Prediction(answer="undisturbed")
"""


class InApp:
    """An app whose programs run in `tier`; a context manager.

    For attempts on the protocol a bystander runs at the same time, whose program was given the tool `vault`.
    """

    def __init__(self, tier: str) -> None:
        self.isolation: dspash.Isolation | None = None  # of the last attempt that answered
        self._tier = tier
        self._app: App | None = None
        self._names = itertools.count(1)
        self._vault: list[str] = []
        self._begun = threading.Event()
        self._neighbours: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._app = dspash.open(sandbox=self._tier, timeout_s=_BOUND_S)
        self._witness = self.app.program("witness", source=program_of(WITNESS_TEXT), sandbox=self._tier)
        tools = [self._make_begun(), self._make_vault()]
        self._bystander = self.app.program("bystander", source=_BYSTANDER, tools=tools, sandbox=self._tier)
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._neighbours:
            thread.join(_BOUND_S)
        self.app.close()

    @property
    def app(self) -> App:
        """The app."""
        assert self._app is not None
        return self._app

    def run(self, attempt: Attempt, planted: Mapping[str, Any], number: int) -> Outcome:
        """Run an attempt, a pair at the same time, and afterwards a call that it should not have touched."""
        if attempt.is_pair:
            # It is not waited for: each ends by itself within some seconds, and knows of no other pair.
            told = {**planted, "number": number}
            self._neighbours.append(_in_a_thread(lambda: self._run(attempt, "neighbour", told)))
        if attempt.control is Control.WORKER:
            outcome, beside = self._beside_a_bystander(attempt, planted)
        else:
            outcome, beside = self._run(attempt, "attempt", planted), ""
        after = self._answer_of(self._witness, {"planted": {}})
        return Outcome(outcome.answer, outcome.error, outcome.stderr, f"{beside} {after}")

    def _run(self, attempt: Attempt, entry: str, planted: Mapping[str, Any]) -> Outcome:
        try:
            limits = Limits(**attempt.limits) if attempt.limits else None  # pyright: ignore[reportArgumentType]
            program = self.app.program(
                f"attempt_{next(self._names)}",
                source=program_of(text_of(attempt), entry),
                sandbox=self._tier,
                limits=limits,
            )
            prediction = self.app.run(program, {"planted": dict(planted)})
        except DspashError as error:
            return Outcome(error=f"{error}\n{error!r}", stderr=_last_words(error))
        self.isolation = prediction.isolation
        return Outcome(prediction["answer"])

    def _beside_a_bystander(self, attempt: Attempt, planted: Mapping[str, Any]) -> tuple[Outcome, str]:
        self._begun.clear()
        self._vault.clear()
        answers: list[str] = []
        thread = _in_a_thread(lambda: answers.append(self._answer_of(self._bystander, {})))
        assert self._begun.wait(_BOUND_S)
        outcome = self._run(attempt, "attempt", planted)
        thread.join(_BOUND_S)
        assert answers == ["undisturbed"] or self._tier == "process", answers
        return outcome, f"{answers} {self._vault}"

    def _answer_of(self, program: dspash.Program, inputs: Mapping[str, Any]) -> str:
        try:
            return str(self.app.run(program, inputs)["answer"])
        except DspashError as error:
            return f"failed: {error!r}"

    def _make_begun(self) -> Any:
        def begun() -> None:
            self._begun.set()

        return begun

    def _make_vault(self) -> Any:
        def vault(text: str) -> str:
            self._vault.append(text)
            return "kept"

        return vault


def _in_a_thread(act: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


def _last_words(error: DspashError) -> str:
    """What such an error carries besides its text."""
    kept = (getattr(error, name, None) for name in ("stderr_tail", "traceback", "details"))
    return "\n".join(str(words) for words in kept if words)
