"""Judge: a language model that scores predictions by what it is told to look for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import dspy

from dspash_protocol import FaultError, FaultKind
from dspash_protocol.signature import parse_signature
from dspash_worker.signatures import build_signature
from dspash_worker.verdict import Verdict
from dspash_worker.wire_types import to_wire

__all__ = ["Judge"]

_ASKED: Final = parse_signature(
    'example: dict "What was asked, and what was expected", prediction: dict "What is to be judged"'
    ' -> score: float "From 0, the worst, to 1, the best", feedback: str "What is good, and what would be better"'
)


@dataclass(frozen=True, slots=True)
class Judge:
    """Asks the session's model, which reasons first. `instructions` say what makes a prediction good."""

    instructions: str
    predictor: Any

    @classmethod
    def of(cls, instructions: str) -> Judge:
        """Return the judge that goes by `instructions`."""
        signature: Any = build_signature(_ASKED)
        return cls(instructions, dspy.ChainOfThought(signature.with_instructions(instructions)))

    @property
    def name(self) -> str:
        """What people call it."""
        return "judge"

    def judge(self, example: Mapping[str, Any], prediction: Mapping[str, Any], trace: Any = None) -> Verdict:
        """Ask for one score. Raises FaultError when the model gives none from 0 to 1."""
        shown = {
            "example": to_wire(dict(example), path="$.example"),
            "prediction": to_wire(dict(prediction), path="$.prediction"),
        }
        # What the judge does is no step of the program that it judges.
        with dspy.context(trace=[]):
            said = self.predictor(**shown)
        score: Any = said.score
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            problem = f"the judge gave the score {score!r:.40}, not one from 0 to 1"
            raise FaultError.of(FaultKind.PROGRAM_ERROR, problem)
        return Verdict(float(score), str(said.feedback))
