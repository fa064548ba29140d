"""Worker faults: what a worker answered instead of a result."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, cast

from dspash.errors.dspash_error import DspashError
from dspash_protocol.faults import FaultKind, Progress

__all__ = [
    "InternalWorkerError",
    "InvalidInputError",
    "InvalidRequestError",
    "LMCallError",
    "NotFoundError",
    "Problem",
    "ProgramError",
    "ToolCallError",
    "UnavailableError",
    "UnknownCommandError",
    "UnserialisableError",
    "WorkerFaultError",
]

SHOWN_PROBLEMS: Final = 5  # in the summary of an error; the rest are attributes


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
        move = self._move()
        super().__init__(f"{where}{message}; {move}" if move else f"{where}{message}", retryable=retryable)

    @property
    def path(self) -> str:
        """Where in the arguments or the result, such as `$.inputs.question`; empty if nowhere there."""
        return self._text("path")

    def _place(self) -> str:
        """What the message should name; put before it when it does not."""
        return self.path

    def _move(self) -> str:
        """What the caller can do; a detail `way_out` says it better than the kind of error could."""
        return self._text("way_out") or self.way_out

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
    """Nothing of that name or id exists, in the worker's session or in the store.

    What a policy or another tenant keeps from the caller's sight does not exist for the caller. Fix the name, or create
    it first.
    """

    kind = FaultKind.NOT_FOUND
    way_out = "create it first, or fix its name"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input: where (`$.inputs[0].type`), what, and the way out where there is one to tell."""

    path: str
    message: str
    way_out: str = ""

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.message}; {self.way_out}" if self.way_out else f"{self.path}: {self.message}"
        )

    def to_map(self) -> dict[str, str]:
        """As details of an error hold it."""
        told = {"path": self.path, "message": self.message}
        return {**told, "way_out": self.way_out} if self.way_out else told


class InvalidInputError(WorkerFaultError):
    """An argument does not fit; `path` says where in the arguments, `problems` all that is wrong.

    Raised by the host itself, with progress `not_sent`, for whatever it can see before a worker or the store is asked.
    Fix those values.
    """

    kind = FaultKind.INVALID_INPUT
    way_out = "fix that value"

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> InvalidInputError:
        """The error of one problem or more, before anything was sent or written."""
        shown = "; ".join(str(problem) for problem in problems[:SHOWN_PROBLEMS])
        more = len(problems) - SHOWN_PROBLEMS
        found = [problem.to_map() for problem in problems]
        return cls(
            f"{shown}; and {more} more" if more > 0 else shown,
            progress=Progress.NOT_SENT,
            details={"path": problems[0].path, "problems": found},
        )

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong, in the order of the arguments; never empty."""
        found: object = self.details.get("problems")
        listed = cast("list[object]", found) if isinstance(found, list) else []
        problems = tuple(problem for entry in listed if (problem := _read_problem(entry)) is not None)
        return problems or (Problem(self.path or "$", self.message),)

    def _move(self) -> str:
        return "" if self.problems[-1].way_out else super()._move()


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


def _read_problem(entry: object) -> Problem | None:
    """A problem as a fault carries it; None for anything else (workers may be hostile)."""
    match entry:
        case {"path": str(path), "message": str(message), "way_out": str(way_out)}:
            return Problem(path, message, way_out)
        case {"path": str(path), "message": str(message)}:
            return Problem(path, message)
        case _:
            return None
