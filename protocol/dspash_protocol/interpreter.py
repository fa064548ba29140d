"""Interpreter: what a host and an interpreter worker say about the code that one runs for the other.

Values of that code travel as JSON texts: integers may have any length, and whoever only passes them on never reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from dspash_protocol.fields import Fields
from dspash_protocol.values import WireMap

__all__ = ["EMPTY_MAP", "INSTRUCTIONS", "NULL", "Cell", "Outcome", "OutcomeKind", "ToolAsk"]

EMPTY_MAP: Final = "{}"
NULL: Final = "null"

INSTRUCTIONS: Final = (
    "Code runs as full CPython in a process of its own, without network or access to the host's files. Names, imports "
    "and functions persist for this session; the value of a last expression and what is printed are returned. Host "
    "tools and SUBMIT are available as global functions; tools take and return JSON-compatible values. All threads must "
    "finish before each code execution returns; use context-managed executors for parallel work. Subprocesses are "
    "unavailable."
)
"""What a model is told of the interpreter that its code runs in."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of code to run, and what it finds: variables, the names of tools, what SUBMIT takes.

    Variables come in three ways: in a JSON map; as `texts`, which are text as it is; and as `kept`, the names of texts
    that were sent before and are to be what they were.

    Without `output_fields` SUBMIT takes one value, which then is called `output`.
    """

    code: str
    variables: str = EMPTY_MAP
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    kept: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    output_fields: tuple[str, ...] | None = None

    def to_map(self) -> WireMap:
        """The wire form."""
        out: WireMap = {"code": self.code}
        if self.variables != EMPTY_MAP:
            out["variables"] = self.variables
        if self.texts:
            out["texts"] = self.texts
        if self.kept:
            out["kept"] = list(self.kept)
        if self.tools:
            out["tools"] = list(self.tools)
        if self.output_fields is not None:
            out["output_fields"] = list(self.output_fields)
        return out

    @classmethod
    def from_map(cls, raw: Mapping[str, Any]) -> Cell:
        """Read the wire form. Raises InvalidPayloadError with the path of what does not fit."""
        fields = Fields(dict(raw))
        return cls(
            code=fields.text("code"),
            variables=fields.text("variables") if raw.get("variables") is not None else EMPTY_MAP,
            texts=fields.text_map("texts") if raw.get("texts") is not None else {},
            kept=fields.texts("kept") if raw.get("kept") is not None else (),
            tools=fields.texts("tools") if raw.get("tools") is not None else (),
            output_fields=None if raw.get("output_fields") is None else fields.texts("output_fields"),
        )


class OutcomeKind(StrEnum):
    """How a cell ended."""

    VALUE = "value"  # at its end, or where it raised nothing: `value` is that of its last expression
    FINAL = "final"  # by SUBMIT: `value` is a map of the output fields
    SYNTAX = "syntax"  # it is no Python, and nothing of it ran
    ERROR = "error"  # it raised; what it did before that stands
    BROKEN = "broken"  # it left the interpreter unfit for more code


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a cell. `value` is a JSON text, `output` what it printed, `error` says what went wrong."""

    kind: OutcomeKind
    value: str = NULL
    output: str = ""
    error: str = ""

    def to_map(self) -> WireMap:
        """The wire form."""
        return {"kind": str(self.kind), "value": self.value, "output": self.output, "error": self.error}

    @classmethod
    def from_map(cls, raw: WireMap) -> Outcome:
        """Read the wire form from a peer that may be hostile. Raises InvalidPayloadError."""
        fields = Fields(raw)
        kind = _KINDS.get(fields.text("kind"))
        if kind is None:
            raise fields.refuse("kind", f"none of {', '.join(OutcomeKind)}")
        return cls(kind, fields.text("value"), fields.text("output"), fields.text("error"))


_KINDS: Final = {kind.value: kind for kind in OutcomeKind}


@dataclass(frozen=True, slots=True)
class ToolAsk:
    """Code that calls a tool. `arguments` is a JSON list: the positional ones, and a map of the named.

    `call` is the id of the cell's request; `alone` says that no other thread of that code could be waiting meanwhile.
    """

    call: int
    name: str
    arguments: str
    alone: bool

    def to_map(self) -> WireMap:
        """The wire form."""
        return {"call": self.call, "name": self.name, "arguments": self.arguments, "alone": self.alone}

    @classmethod
    def from_map(cls, raw: Mapping[str, Any]) -> ToolAsk:
        """Read the wire form from a peer that may be hostile. Raises InvalidPayloadError."""
        fields = Fields(dict(raw))
        return cls(fields.count("call"), fields.text("name"), fields.text("arguments"), fields.flag("alone"))
