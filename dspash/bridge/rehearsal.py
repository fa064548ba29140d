"""Rehearsal: a program of ours that a spare worker defines, runs and forgets before its call comes.

A fork copies each page that it touches first: compiling, defining and running something for the first time costs it some
ms, which so pass while nobody waits.
"""

from __future__ import annotations

from typing import Final

from dspash.bridge.definitions import Definition
from dspash_protocol import Command

__all__ = ["REHEARSAL"]

_ID: Final = "rehearsal"
_SOURCE: Final = """
class Rehearsal(dspy.Module):
    def __init__(self):
        super().__init__()
        self.answer = dspy.Predict("question -> answer")

    def forward(self, question):
        return dspy.Prediction(answer=question)
"""

_REQUESTS: Final = (
    (Command.CONFIGURE, {"lm": {"model": "default"}}),
    (Command.CREATE_PROGRAM, {"id": _ID, "source": _SOURCE}),
    (Command.EXECUTE, {"program_id": _ID, "inputs": {"question": "?"}, "detail": True, "files": "out"}),
    (Command.DELETE, {"id": _ID}),
)

REHEARSAL: Final = tuple(
    Definition(position, _ID, str(command), args, frozenset())
    for position, (command, args) in enumerate(_REQUESTS, start=1)
)
