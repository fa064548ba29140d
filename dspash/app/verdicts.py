"""Verdicts: what a worker answers about predictions that were scored."""

from __future__ import annotations

from typing import Any

from dspash.app.answers import error_text, list_of, map_of, number_of
from dspash.errors import ProtocolError
from dspash.resources.runtime import Verdict

__all__ = ["read_verdicts"]


def read_verdicts(answer: Any, count: int) -> list[Verdict]:
    """The verdicts in the answer to `score`, one for each of `count` cases. Raises ProtocolError."""
    found = [
        map_of(raw, "a result") for raw in list_of(map_of(answer, "the answer").get("results"), "the results")
    ]
    if [raw.get("index") for raw in found] != list(range(count)):
        raise ProtocolError("there should be one result for each case, in their order")
    return [
        Verdict(
            number_of(raw.get("score"), "a score"),
            None if raw.get("feedback") is None else str(raw["feedback"]),
            None if raw.get("error") is None else error_text(raw["error"]),
        )
        for raw in found
    ]
