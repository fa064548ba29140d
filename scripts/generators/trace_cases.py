"""Trace cases: pieces of traces, the steps that a reader finds in them, and how many were none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["PIECES", "REFUSED", "Piece"]


@dataclass(frozen=True)
class Piece:
    """The `spans` of a trace event, and what they say."""

    name: str
    text: str
    spans: tuple[dict[str, Any], ...] = ()
    refused: int = 0


def _span(number: int, parent: int, kind: str, name: str, **more: Any) -> dict[str, Any]:
    """A step, what it does not say filled in as a reader would."""
    return {
        "id": number,
        "parent": parent,
        "kind": kind,
        "name": name,
        "type": "",
        "at_us": 0,
        "took_us": 1,
        "facts": {},
        **more,
    }


_LEAST = '"at_us":0,"took_us":1'

PIECES = (
    Piece("nothing ran", "[]"),
    Piece(
        "a module and what it ran, told as they ended",
        '[{"id":2,"parent":1,"kind":"lm","name":"m","type":"","at_us":30,"took_us":400,"prompt":"Who?","response":["She."],'
        '"usage":{"total_tokens":7}},{"id":1,"parent":0,"kind":"module","name":"qa","type":"Predict","at_us":10,'
        '"took_us":450,"inputs":{"question":"Who?"},"outputs":{"answer":"She."}}]',
        (
            _span(
                2,
                1,
                "lm",
                "m",
                at_us=30,
                took_us=400,
                facts={"prompt": "Who?", "response": ["She."], "usage": {"total_tokens": 7}},
            ),
            _span(
                1,
                0,
                "module",
                "qa",
                type="Predict",
                at_us=10,
                took_us=450,
                facts={"inputs": {"question": "Who?"}, "outputs": {"answer": "She."}},
            ),
        ),
    ),
    Piece(
        "a tool that failed",
        f'[{{"id":1,"parent":0,"kind":"tool","name":"search",{_LEAST},"error":{{"kind":"tool_error","message":"gone"}}}}]',
        (_span(1, 0, "tool", "search", facts={"error": {"kind": "tool_error", "message": "gone"}}),),
    ),
    Piece(
        "keys that are not known are passed over, and so is null",
        f'[{{"id":1,"parent":0,"kind":"lm","name":"m",{_LEAST},"colour":"red","prompt":null}}]',
        (_span(1, 0, "lm", "m"),),
    ),
    Piece(
        "a name that is none",
        f'[{{"id":1,"parent":0,"kind":"lm","name":5,{_LEAST}}}]',
        (_span(1, 0, "lm", ""),),
    ),
    Piece("a kind nobody knows", f'[{{"id":1,"parent":0,"kind":"weather","name":"",{_LEAST}}}]', refused=1),
    Piece(
        "inside a step that began later", f'[{{"id":1,"parent":2,"kind":"lm","name":"",{_LEAST}}}]', refused=1
    ),
    Piece("inside itself", f'[{{"id":1,"parent":1,"kind":"lm","name":"",{_LEAST}}}]', refused=1),
    Piece("the call itself is no step", f'[{{"id":0,"parent":0,"kind":"lm","name":"",{_LEAST}}}]', refused=1),
    Piece(
        "a time before the call",
        '[{"id":1,"parent":0,"kind":"lm","name":"","at_us":-1,"took_us":1}]',
        refused=1,
    ),
    Piece(
        "a time with a point",
        '[{"id":1,"parent":0,"kind":"lm","name":"","at_us":1.0,"took_us":1}]',
        refused=1,
    ),
    Piece("no step at all", '[5,null,[],"x"]', refused=4),
)

REFUSED = (
    Piece("no JSON", "[{"),
    Piece("no list", "{}"),
    Piece("a number that is none", "[NaN]"),
)
