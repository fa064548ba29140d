"""Faults: errors as they travel on the wire, with how far the request got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, TypeVar, cast

__all__ = ["RETRYABLE_KINDS", "Fault", "FaultError", "FaultKind", "Progress"]


class FaultKind(StrEnum):
    """What went wrong, by situation. The set is closed: an unknown kind is read as `internal`."""

    INVALID_REQUEST = "invalid_request"  # the message itself is malformed or out of place
    UNKNOWN_COMMAND = "unknown_command"
    NOT_FOUND = "not_found"  # a module, program or alias nobody created
    INVALID_INPUT = "invalid_input"  # arguments that do not fit; `details["path"]` says where
    PROGRAM_ERROR = "program_error"  # the user's program, source or metric raised
    LM_ERROR = "lm_error"
    TOOL_ERROR = "tool_error"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    TOO_LARGE = "too_large"
    UNSERIALISABLE = "unserialisable"
    UNAVAILABLE = "unavailable"  # shutting down, overloaded, or not offered here
    INTERNAL = "internal"  # a defect of dspash itself


class Progress(StrEnum):
    """How far a request got before it ended, in order; tells whether repeating it is safe."""

    NOT_SENT = "not_sent"
    SENT = "sent"
    STARTED = "started"
    SIDE_EFFECTS = "side_effects"  # an LM call or a tool ran: repeating may pay or act twice

    def at_least(self, other: Progress) -> Progress:
        """The further of the two."""
        return self if _ORDER[self] >= _ORDER[other] else other


_Member = TypeVar("_Member", bound=StrEnum)

_ORDER: Final[dict[Progress, int]] = {step: rank for rank, step in enumerate(Progress)}
_CUT_AT: Final = 300  # characters: two texts of them fit MIN_FRAME however they are escaped

RETRYABLE_KINDS: Final = frozenset({FaultKind.UNAVAILABLE})
"""Kinds that are worth repeating unless the fault says otherwise."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as it travels. Carries no secret and no host path; `message` is one line for a person.

    `type` is the class name of the exception behind it (`ValueError`), `details` is a map of wire values
    (`path`, `code`, `retry_after` …), `traceback` the frames inside the user's own program, if any.
    """

    kind: FaultKind
    message: str
    type: str = ""
    retryable: bool = False
    progress: Progress = Progress.STARTED
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    traceback: str | None = None

    def to_map(self) -> dict[str, Any]:
        """The wire form; `traceback` is left out when there is none."""
        out: dict[str, Any] = {
            "kind": str(self.kind),
            "message": self.message,
            "type": self.type,
            "retryable": self.retryable,
            "progress": str(self.progress),
            "details": dict(self.details),
        }
        if self.traceback is not None:
            out["traceback"] = self.traceback
        return out

    @classmethod
    def from_map(cls, raw: Mapping[str, Any]) -> Fault:
        """Read a fault from a peer that may be hostile: unknown kinds become `internal`, wrong types are dropped.

        Where it does not say how far the request got, the worst is assumed.
        """
        details: Any = raw.get("details")
        traceback = raw.get("traceback")
        return cls(
            kind=_member(FaultKind, raw.get("kind"), FaultKind.INTERNAL),
            message=_text(raw.get("message")),
            type=_text(raw.get("type")),
            retryable=raw.get("retryable") is True,
            progress=_member(Progress, raw.get("progress"), Progress.SIDE_EFFECTS),
            details=cast("dict[str, Any]", details) if isinstance(details, dict) else {},
            traceback=traceback if isinstance(traceback, str) else None,
        )

    def cut(self) -> Fault:
        """What of this fault can always travel: no details, no traceback, the first characters of its texts."""
        return replace(
            self, message=_sendable(self.message), type=_sendable(self.type), details={}, traceback=None
        )

    def reaching(self, progress: Progress) -> Fault:
        """The same fault, having got at least as far as `progress`."""
        further = self.progress.at_least(progress)
        return self if further is self.progress else replace(self, progress=further)


class FaultError(Exception):
    """A fault raised where it happened, to be sent as it is. Report it to whoever made the request."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault

    def __str__(self) -> str:
        return f"{self.fault.kind}: {self.fault.message}"

    @classmethod
    def of(cls, kind: FaultKind, message: str, **details: Any) -> FaultError:
        """Build from a kind, a message and details; the kind decides whether it is retryable."""
        return cls(Fault(kind, message, retryable=kind in RETRYABLE_KINDS, details=details))


def _member(kind: type[_Member], raw: object, default: _Member) -> _Member:
    try:
        return kind(raw)
    except ValueError:
        return default


def _sendable(text: str) -> str:
    return text[:_CUT_AT].encode(errors="replace").decode()


def _text(raw: object) -> str:
    return raw if isinstance(raw, str) else ""
