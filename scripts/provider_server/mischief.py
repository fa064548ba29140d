"""Mischief: what a provider does instead of answering properly."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from provider_server.asked import Asked

__all__ = ["MADE_ANSWERS", "Etiquette", "Manners", "Mischief", "well_behaved"]


class Mischief(enum.StrEnum):
    """One way to misbehave. GZIP and HUGE are whole answers all the same."""

    RATE_LIMITED = "429 with Retry-After in seconds"
    RATE_LIMITED_UNTIL = "429 with Retry-After as a date"
    BROKEN = "500"
    OVERLOADED = "529"
    RESET = "connection reset before the answer"
    RESET_MIDWAY = "connection reset in the middle of the answer"
    SLOW = "one byte of the answer at a time, for ever"
    HALF_EVENT = "the stream ends in the middle of an event"
    MALFORMED = "JSON that is none"
    WRONG_TYPE = "a page of HTML with status 200"
    GZIP = "a compressed answer"
    HUGE = "ten megabytes of text"
    SILENT = "no answer at all"


MADE_ANSWERS: Final = frozenset({Mischief.GZIP, Mischief.HUGE})
"""What is an answer, and is counted as one."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How one request is treated."""

    mischief: Mischief | None = None
    delay_s: float = 0.0
    """From the request to the first byte of the answer."""
    between_s: float = 0.0
    """Between two events of a stream."""
    retry_after_s: float = 1.0
    """What a 429 says to wait."""


Etiquette: TypeAlias = Callable[[int, Asked], Manners]
"""Decides by the number of the request, from 0, and what it asks."""


def well_behaved(_number: int, _asked: Asked) -> Manners:
    """Answers everything at once."""
    return Manners()
