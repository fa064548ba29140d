"""Execution: one run of a program or module as the host saw it, and the pieces of trace that its worker told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from dspash.usage import Usage

__all__ = ["Execution", "Subject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What ran: a program or module by its name, and the records behind it, where there are any."""

    kind: str
    name: str
    type: str = ""
    program_id: UUID | None = None
    program_version: int | None = None
    module_id: UUID | None = None


@dataclass(slots=True, kw_only=True)
class Execution:
    """What is known of one run once it has ended. The host knows all of it but `pieces`, which are a worker's word.

    `outputs` are the output fields, or None where there is an `error`, `{kind, type, message}`. `dropped` counts the steps
    that were not told, or could not be kept.
    """

    id: UUID
    subject: Subject
    inputs: Mapping[str, Any]
    ended_at: datetime
    usage: Usage
    outputs: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    pieces: list[Any] = field(default_factory=list[Any])
    dropped: int = 0
