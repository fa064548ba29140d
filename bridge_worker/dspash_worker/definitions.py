"""Definitions: modules and programs as they stand under their ids."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

import dspy

from dspash_protocol.signature import SignatureSpec, signature_text
from dspash_worker.signatures import AnyInputs, Inputs
from dspash_worker.tools import Tool

__all__ = ["Definition", "Kind", "Tally"]


class Kind(StrEnum):
    """What a definition defines."""

    MODULE = "module"
    PROGRAM = "program"


@dataclass(slots=True)
class Tally:
    """How often something ran, how often it succeeded, and how long that took altogether, in seconds. Thread-safe."""

    total: int = 0
    successful: int = 0
    total_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, seconds: float, *, succeeded: bool) -> None:
        """Add one run."""
        with self._lock:
            self.total += 1
            self.successful += succeeded
            self.total_s += seconds

    def to_map(self) -> dict[str, Any]:
        """Return the figures, in the reference design's words."""
        with self._lock:
            total = self.total
            return {
                "total_executions": total,
                "success_rate": self.successful / total if total else 0.0,
                "average_execution_time": self.total_s / total if total else 0.0,
            }


@dataclass(frozen=True)
class Definition:
    """One module or program. Calls share the instance, which DSPy's modules allow; a change makes a new definition.

    `type` is the module's type, or the form that the program was given in. `stateful` modules keep something of a
    call in themselves, so each call of theirs runs on a copy. `settings` are what its code has said by `dspy.configure`.
    """

    id: str
    kind: Kind
    type: str
    module: dspy.Module
    inputs: Inputs = field(default_factory=AnyInputs)
    spec: SignatureSpec | None = None
    tools: Mapping[str, Tool] = field(default_factory=dict[str, Tool])
    stateful: bool = False
    parts: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tally: Tally = field(default_factory=Tally, compare=False)

    @property
    def title(self) -> str:
        """What errors call it."""
        return f"{self.kind} {self.id}"

    def instance(self) -> dspy.Module:
        """Return the module to run one call on."""
        return self.module.deepcopy() if self.stateful else self.module

    def with_module(self, module: dspy.Module, *, id: str | None = None) -> Self:
        """Return the same definition of another instance, under the same or another id."""
        return replace(self, id=id or self.id, module=module, tally=Tally() if id else self.tally)

    def to_map(self) -> dict[str, Any]:
        """Return what `list` tells of it."""
        out: dict[str, Any] = {"id": self.id, "type": self.type}
        if self.spec is not None:
            out["signature"] = signature_text(self.spec)
        if self.parts:
            out["modules"] = list(self.parts)
        if self.tools:
            out["tools"] = list(self.tools)
        return out
