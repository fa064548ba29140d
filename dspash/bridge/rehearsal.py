"""Rehearsal: a program of ours that a spare worker defines, runs and forgets before its call comes.

A fork copies each page that it touches first: compiling, defining and running something for the first time costs it some
ms, which so pass while nobody waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dspash.bridge.definitions import Definition
from dspash_protocol import Command

__all__ = ["configuring", "rehearsal"]

_ID: Final = "rehearsal"
_SOURCE: Final = """
class Rehearsal(dspy.Module):
    def forward(self, question):
        return dspy.Prediction(answer=question)
"""

_REQUESTS: Final = (
    (Command.CREATE_PROGRAM, {"id": _ID, "source": _SOURCE}),
    (
        Command.EXECUTE,
        {"program_id": _ID, "inputs": {"question": "?"}, "detail": True, "files": "out", "trace": True},
    ),
    (Command.DELETE, {"id": _ID}),
)


def configuring(configuration: Mapping[str, Any]) -> Definition:
    """What every worker is told first: the configuration, which stays."""
    return Definition(1, _ID, str(Command.CONFIGURE), configuration, frozenset())


def rehearsal() -> tuple[Definition, ...]:
    """What a spare worker is told then: a program that does not stay."""
    return tuple(
        Definition(position, _ID, str(command), args, frozenset())
        for position, (command, args) in enumerate(_REQUESTS, start=2)
    )
