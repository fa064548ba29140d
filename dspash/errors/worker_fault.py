"""Worker faults: what a worker answered instead of a result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from dspash.errors.dspash_error import DspashError
from dspash_protocol.faults import FaultKind, Progress

__all__ = [
    "InternalWorkerError",
    "InvalidInputError",
    "InvalidRequestError",
    "LMCallError",
    "NotFoundError",
    "ProgramError",
    "ToolCallError",
    "UnavailableError",
    "UnknownCommandError",
    "UnserialisableError",
    "WorkerFaultError",
]


class WorkerFaultError(DspashError):
    """The worker answered with a fault. One subclass for each kind that is not about the call's time or size.

    `message` is the worker's own text, `type` the exception's class name there (may be empty), `progress` how
    far the request got, `details` the fault's own facts, `traceback` the frames in the user's program (no
    host paths), if any. Raised as one of the subclasses only, which say the move.
    """

    kind: ClassVar[FaultKind]
    way_out: ClassVar[str]

    def __init__(
        self,
        message: str,
        *,
        type: str = "",
        retryable: bool = False,
        progress: Progress = Progress.STARTED,
        details: Mapping[str, Any] | None = None,
        traceback: str | None = None,
    ) -> None:
        self.message = message
        self.type = type
        self.progress = progress
        self.details: dict[str, Any] = dict(details or {})
        self.traceback = traceback
        place = self._place()
        where = f"{place}: " if place and place not in message else ""
        super().__init__(f"{where}{message}; {self.way_out}", retryable=retryable)

    @property
    def path(self) -> str:
        """Where in the arguments or the result, such as `$.inputs.question`; empty if nowhere there."""
        return self._text("path")

    def _place(self) -> str:
        """What the message should name; put before it when it does not."""
        return self.path

    def _text(self, key: str) -> str:
        """A detail that should be text; empty if it is missing, or not text (workers may be hostile)."""
        found = self.details.get(key)
        return found if isinstance(found, str) else ""


class InvalidRequestError(WorkerFaultError):
    """The message itself was malformed or out of place.

    Fix the command's arguments; report it if they were not yours.
    """

    kind = FaultKind.INVALID_REQUEST
    way_out = "fix the request's arguments"


class UnknownCommandError(WorkerFaultError):
    """The worker knows no such command. Fix the command's name."""

    kind = FaultKind.UNKNOWN_COMMAND
    way_out = "use one of the commands the worker names in its hello"


class NotFoundError(WorkerFaultError):
    """No module, program or alias of that name exists in the session. Fix the name, or create it first."""

    kind = FaultKind.NOT_FOUND
    way_out = "create it first, or fix its name"


class InvalidInputError(WorkerFaultError):
    """An argument does not fit; `path` says where in the arguments. Fix that value."""

    kind = FaultKind.INVALID_INPUT
    way_out = "fix that value"


class ProgramError(WorkerFaultError):
    """The user's program, source or metric raised `type`; `traceback` shows its frames. Fix the program."""

    kind = FaultKind.PROGRAM_ERROR
    way_out = "fix the program (.traceback shows where)"

    def _place(self) -> str:
        return self.type


class LMCallError(WorkerFaultError):
    """A language model call failed inside the request; `code` says how.

    Wait `retry_after_s` and retry when `retryable`, else fix the model's name, key or limits.
    """

    kind = FaultKind.LM_ERROR
    way_out = "retry later if .retryable, else check the model's name, key and limits"

    def _place(self) -> str:
        return self.code

    @property
    def code(self) -> str:
        """The provider-neutral error code, such as `rate_limit`; empty when unknown."""
        return self._text("code")

    @property
    def retry_after_s(self) -> float | None:
        """How long the provider asks to wait, in seconds; None when it does not say."""
        found = self.details.get("retry_after")
        if not isinstance(found, (int, float)) or isinstance(found, bool) or not 0 <= found < math.inf:
            return None
        return float(found)


class ToolCallError(WorkerFaultError):
    """A host tool raised while the program was using it; `tool` names it. Fix the tool, or what calls it."""

    kind = FaultKind.TOOL_ERROR
    way_out = "fix the tool, or the arguments the program gives it"

    def _place(self) -> str:
        return self.tool

    @property
    def tool(self) -> str:
        """The tool's name; empty when the worker did not say."""
        return self._text("tool")


class UnserialisableError(WorkerFaultError):
    """The request succeeded but its result cannot travel; `path` says which part.

    Fix the program to return plain values there.
    """

    kind = FaultKind.UNSERIALISABLE
    way_out = "return JSON values, bytes or DSPy types there"


class UnavailableError(WorkerFaultError):
    """The worker is shutting down, overloaded, or does not offer this. Wait, then retry when `retryable`."""

    kind = FaultKind.UNAVAILABLE
    way_out = "retry later if .retryable"


class InternalWorkerError(WorkerFaultError):
    """A defect of dspash itself showed in the worker. Report it, with `traceback`."""

    kind = FaultKind.INTERNAL
    way_out = "please report this"
