"""Trace: what ran inside one call, step by step, as a worker tells it and a host reads it.

The steps travel as a JSON text: a host that only keeps them need not read them, and one that reads them does so when it
has time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NoReturn, cast

from dspash_protocol.errors import InvalidPayloadError
from dspash_protocol.trimming import trimmed

__all__ = [
    "MAX_PIECE",
    "MAX_SPANS",
    "MAX_TRACE",
    "Span",
    "SpanKind",
    "read_spans",
]

MAX_SPANS: Final = 2_000
"""Steps of one call that are told; what ran beyond them is counted."""

MAX_TRACE: Final = 4 * 1024 * 1024
"""Characters of all the pieces of one call."""

MAX_PIECE: Final = 128 * 1024
"""Characters of one piece; a single step may take more, and is then told by its name and times alone."""

_MAX_NAME: Final = 200
_MAX_US: Final = 2**53
_FACTS: Final = frozenset(
    {"inputs", "outputs", "error", "prompt", "response", "reasoning", "options", "usage"}
)


class SpanKind(StrEnum):
    """What a step is."""

    MODULE = "module"  # a DSPy module ran
    LM = "lm"  # a language model was called
    TOOL = "tool"  # a tool was called


@dataclass(frozen=True, slots=True)
class Span:
    """One step: what it was, when it ran, and what went in and came out.

    Ids count from 1 within the call, in the order in which the steps began; `parent` is the step inside which it ran, 0 the
    call itself. `at_us` counts from the beginning of the call, `took_us` from that of the step; both are microseconds.
    `facts` are those of `inputs`, `outputs`, `error`, `prompt`, `response`, `reasoning`, `options` and `usage` that it has.
    """

    id: int
    parent: int
    kind: SpanKind
    name: str
    type: str
    at_us: int
    took_us: int
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def to_map(self) -> dict[str, Any]:
        """The form that travels."""
        return {
            "id": self.id,
            "parent": self.parent,
            "kind": self.kind,
            "name": self.name,
            "type": self.type,
            "at_us": self.at_us,
            "took_us": self.took_us,
            **self.facts,
        }


def read_spans(text: object) -> tuple[list[Span], int]:
    """The steps in one piece of a trace, and how many in it were none. Nothing in them is trusted: every text and list is
    made short, and every number is checked.

    Raises InvalidPayloadError for a piece that is no text, too long, or no JSON list.
    """
    if not isinstance(text, str):
        raise InvalidPayloadError("$.spans", f"must be text, is {type(text).__name__}")
    if len(text) > MAX_PIECE:
        raise InvalidPayloadError("$.spans", f"{len(text)} characters are more than {MAX_PIECE}")
    try:
        raw = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise InvalidPayloadError("$.spans", f"no JSON: {type(error).__name__}") from None
    if not isinstance(raw, list):
        raise InvalidPayloadError("$.spans", "must be a list")
    items = cast("list[Any]", raw)
    spans = [span for span in map(_read_span, items[:MAX_SPANS]) if span is not None]
    return spans, len(items) - len(spans)


def _read_span(raw: Any) -> Span | None:
    if not isinstance(raw, dict):
        return None
    fields = cast("dict[str, Any]", raw)
    numbers = [fields.get(name) for name in ("id", "parent", "at_us", "took_us")]
    if not all(type(number) is int and 0 <= number <= _MAX_US for number in numbers):
        return None
    number, parent, at_us, took_us = cast("list[int]", numbers)
    kind = _KINDS.get(fields["kind"]) if isinstance(fields.get("kind"), str) else None
    if kind is None or not parent < number:
        return None
    facts = {name: trimmed(value) for name, value in fields.items() if name in _FACTS and value is not None}
    return Span(
        number, parent, kind, _name(fields.get("name")), _name(fields.get("type")), at_us, took_us, facts
    )


def _name(raw: Any) -> str:
    return trimmed(raw[:_MAX_NAME]) if isinstance(raw, str) else ""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a finite number")


_KINDS: Final[dict[str, SpanKind]] = {str(kind): kind for kind in SpanKind}
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
