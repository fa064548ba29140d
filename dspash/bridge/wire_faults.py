"""Wire faults: what a worker answered, as the error a caller catches; and the other way for reverse requests."""

from __future__ import annotations

from typing import Any, Final

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
    """The error for `fault`, the answer to a call that was given `timeout_s` seconds."""
    match fault.kind:
        case FaultKind.TIMEOUT:
            return CallTimeoutError(timeout_s=timeout_s, progress=fault.progress)
        case FaultKind.CANCELLED:
            return CallCancelledError(reason=fault.message, progress=fault.progress)
        case FaultKind.TOO_LARGE:
            size, limit = _count(fault.details.get("size")), _count(fault.details.get("limit"))
            return FrameTooLargeError(size=size, limit=limit)
        case kind:
            return _ERRORS[kind](
                fault.message,
                type=fault.type,
                retryable=fault.retryable,
                progress=fault.progress,
                details=fault.details,
                traceback=fault.traceback,
            )


def _count(raw: Any) -> int:
    return raw if isinstance(raw, int) else 0
