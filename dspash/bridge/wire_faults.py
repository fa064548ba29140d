"""Wire faults: what a worker answered, as the error a caller catches; and the other way for reverse requests."""

from __future__ import annotations

from typing import Any, Final

from dspash.bridge.shown import shown_line, shown_lines, shown_name
from dspash.errors import (
    CallCancelledError,
    CallTimeoutError,
    DspashError,
    FrameTooLargeError,
    InternalWorkerError,
    InvalidInputError,
    InvalidRequestError,
    LMCallError,
    NotFoundError,
    ProgramError,
    ToolCallError,
    UnavailableError,
    UnknownCommandError,
    UnserialisableError,
    WorkerFaultError,
)
from dspash_protocol import Fault, FaultKind

__all__ = ["error_of"]

_ERRORS: Final[dict[FaultKind, type[WorkerFaultError]]] = {
    error.kind: error
    for error in (
        InvalidRequestError,
        UnknownCommandError,
        NotFoundError,
        InvalidInputError,
        ProgramError,
        LMCallError,
        ToolCallError,
        UnserialisableError,
        UnavailableError,
        InternalWorkerError,
    )
}


def error_of(fault: Fault, *, timeout_s: float) -> DspashError:
    """The error for `fault`, the answer to a call that was given `timeout_s` seconds.

    Its texts steer no terminal and forge no line of a log, whatever the worker has put into them.
    """
    match fault.kind:
        case FaultKind.TIMEOUT:
            return CallTimeoutError(timeout_s=timeout_s, progress=fault.progress)
        case FaultKind.CANCELLED:
            return CallCancelledError(reason=shown_line(fault.message), progress=fault.progress)
        case FaultKind.TOO_LARGE:
            size, limit = _count(fault.details.get("size")), _count(fault.details.get("limit"))
            return FrameTooLargeError(size=size, limit=limit)
        case kind:
            return _ERRORS[kind](
                shown_line(fault.message),
                type=shown_name(fault.type),
                retryable=fault.retryable,
                progress=fault.progress,
                details={name: _shown(value) for name, value in fault.details.items()},
                traceback=None if fault.traceback is None else shown_lines(fault.traceback),
            )


def _shown(detail: Any) -> Any:
    """A detail as it may stand in an error's text, where `path` and others are named; what is no text never does."""
    return shown_line(detail) if isinstance(detail, str) else detail


def _count(raw: Any) -> int:
    return raw if isinstance(raw, int) else 0
