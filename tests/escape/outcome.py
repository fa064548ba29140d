"""Outcome: what came of one attempt, and whether it got out."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from tests.escape.attempt import Attempt, Proof

__all__ = ["FLOOD_BYTES", "Outcome", "Traces", "escaped"]

FLOOD_BYTES: Final = 2 << 20
_KNOWN: Final = "known:"
_STEERING: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What steers a terminal, or turns text around."""
_FORGED: Final = re.compile(r"^20\d\d-\d\d-\d\d .*CRITICAL", re.MULTILINE)
"""A line of its own that looks like the log's. A traceback has lines of its own anyway; an error's text is one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the host got: an answer or an error, what it would show people of it, and what other calls answered.

    `beside` is from calls that ran at the same time or after, which the attempt should not be able to touch.
    """

    answer: Any = None
    error: str = ""
    stderr: str = ""
    beside: str = ""

    @property
    def told(self) -> str:
        """All that came out."""
        return f"{self.answer!r}\n{self.shown}"

    @property
    def shown(self) -> str:
        """What people may be shown: of the answer nothing, it is the program's own."""
        return f"{self.error}\n{self.stderr}"


@dataclass(frozen=True, slots=True)
class Traces:
    """What the planted targets noticed of one attempt, and what it could not know otherwise."""

    noticed: str  # who saw its mark, or what of the victim has changed; empty when nobody did
    secrets: Collection[str]
    mark: str
    number: int


def escaped(attempt: Attempt, outcome: Outcome, traces: Traces) -> str:
    """What shows that the attempt got out; empty when nothing does."""
    match attempt.proof:
        case Proof.TOLD:
            return next((f"told {secret}" for secret in traces.secrets if secret in outcome.told), "")
        case Proof.SEEN:
            return traces.noticed or _seen_beside(outcome, traces)
        case Proof.PASSED:
            return f"was passed {traces.number}" if outcome.answer == traces.number else ""
        case Proof.SHOWN:
            found = _STEERING.search(outcome.shown) or _FORGED.search(outcome.error)
            return f"shows {found.group()!r}" if found else ""
        case Proof.FLOODED:
            size = len(outcome.told)
            return f"{size} characters came out" if size > FLOOD_BYTES else ""
        case Proof.SAID:
            return f"says {outcome.answer!r}" if outcome.answer else ""


def _seen_beside(outcome: Outcome, traces: Traces) -> str:
    """Whether another call noticed, or the program that this one became has said so."""
    if f"became {traces.mark}" in outcome.stderr:
        return "another program ran"
    answer = str(outcome.answer)
    wanted = answer.removeprefix(_KNOWN) if answer.startswith(_KNOWN) else traces.mark
    return f"{wanted} in another call" if wanted in outcome.beside else ""
