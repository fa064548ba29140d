"""Made up: executions as a recorder and a database get them, of the size that a short chain of thought has."""

from __future__ import annotations

import json
import random
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Table

from dspash.resources.kernel import StoredScene, new_id
from dspash.resources.recording import Redaction
from dspash.resources.tracing import Execution, Subject, row_of
from dspash.resources.tracing.table import traces_of
from dspash.usage import Usage

__all__ = ["FAILED", "PROGRAMS", "MadeUp", "execution"]

PROGRAMS: Final = 50
FAILED: Final = 0.03  # of all
_SYSTEM: Final = (
    "Your input fields are:\n1. `question` (str): what is asked\nYour output fields are:\n1. `reasoning` (str)\n"
    "2. `answer` (str): in a few words\nAll interactions will be structured in the following way, with the "
    "appropriate values filled in.\n\n[[ ## question ## ]]\n{question}\n\n[[ ## reasoning ## ]]\n{reasoning}\n\n"
    "[[ ## answer ## ]]\n{answer}\n\n[[ ## completed ## ]]\nIn adhering to this structure, your objective is: \n"
    "        Given the fields `question`, produce the fields `answer`."
)
_QUESTION: Final = "Which tower did the engineer who also made the frame of a statue build for a fair?"
_ANSWER: Final = {
    "reasoning": "The statue is that of Liberty; Eiffel made its frame.",
    "answer": "The Eiffel Tower",
}
_SAID: Final = "\n\n".join(f"[[ ## {name} ## ]]\n{text}" for name, text in _ANSWER.items())


def _steps() -> str:
    times = {"at_us": 100, "took_us": 900}
    inputs = {"question": _QUESTION}
    module: dict[str, Any] = {"kind": "module", "inputs": inputs, "outputs": _ANSWER, **times}
    prompt = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _QUESTION}]
    usage = {"input_tokens": 180, "output_tokens": 40, "total_tokens": 220}
    lm: dict[str, Any] = {"kind": "lm", "prompt": prompt, "response": [_SAID], "usage": usage, **times}
    steps = [
        {"id": 3, "parent": 2, "name": "openai/gpt-4o", "type": "", **lm},
        {"id": 2, "parent": 1, "name": "think.predict", "type": "Predict", **module},
        {"id": 1, "parent": 0, "name": "think", "type": "ChainOfThought", **module},
    ]
    return json.dumps(steps, ensure_ascii=False, separators=(",", ":"))


_PIECE: Final = {"spans": _steps()}


def execution(draw: random.Random, ended_at: datetime, *, with_steps: bool = True) -> Execution:
    """One execution of one of PROGRAMS, a few of which fail."""
    failed = draw.random() < FAILED
    return Execution(
        id=new_id(),
        subject=Subject(kind="program", name=f"program-{draw.randrange(PROGRAMS)}", type="source"),
        inputs={"question": _QUESTION},
        ended_at=ended_at,
        usage=Usage(wall_s=draw.expovariate(1.0), lm_calls=1, lm_tokens=220),
        outputs=None if failed else _ANSWER,
        error={"kind": "lm_error", "type": "LMRateLimitError", "message": "slow down"} if failed else None,
        pieces=[_PIECE] if with_steps else [],
    )


class MadeUp:
    """An execution as a recorder takes it: made when it is asked for."""

    def __init__(self, draw: random.Random, ended_at: datetime) -> None:
        self._draw = draw
        self._ended_at = ended_at
        self._with_steps = True

    @property
    def characters(self) -> int:
        """How long its steps are."""
        return len(_PIECE["spans"]) if self._with_steps else 0

    def lighten(self) -> None:
        """There was no room for them."""
        self._with_steps = False

    def row(self, scene: StoredScene, redaction: Redaction) -> tuple[Table, dict[str, Any]]:
        """Its row among the traces."""
        return traces_of(scene), row_of(self.execution(), scene.context.tenant, redaction)

    def execution(self) -> Execution:
        """It."""
        return execution(self._draw, self._ended_at, with_steps=self._with_steps)
