"""Faults: exceptions as they are told to the host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Any, Final

import dspy
from dspy import lm15

from dspash_protocol import Fault, FaultError, FaultKind, InvalidValueError
from dspash_protocol.signature import SignatureError
from dspash_worker.cancellation import CallCancelled
from dspash_worker.lm_calls import FAULT
from dspash_worker.refusal import invalid_signature
from dspash_worker.secret_texts import redact
from dspash_worker.tracebacks import user_line, user_traceback

__all__ = ["MAX_MESSAGE", "fault_of", "of_program"]

MAX_MESSAGE: Final = 2_000
_RETRYABLE_LM_ERRORS: Final = (
    dspy.LMRateLimitError,
    dspy.LMTimeoutError,
    dspy.LMServerError,
    dspy.LMTransportError,
    dspy.LMLockTimeoutError,
)


def fault_of(error: BaseException) -> Fault:
    """Return the fault for any exception: never a secret, never a path of this machine, one line for a person.

    What nobody foresaw is `internal`: errors of the user's own code pass through `of_program` first.
    """
    match error:
        case FaultError():
            return _clean(error.fault)
        case CallCancelled():
            return Fault(FaultKind.CANCELLED, error.reason)
        case SignatureError():
            return _clean(invalid_signature(error).fault)
        case InvalidValueError():
            return _clean(Fault(FaultKind.UNSERIALISABLE, str(error), details={"path": error.path}))
        case dspy.LMError() | lm15.LM15Error():
            return _lm_fault(error)
        case ConnectionError():
            return _told(error, FaultKind.UNAVAILABLE)
        case _:
            return _told(error, FaultKind.INTERNAL)


class of_program:  # noqa: N801 - it is read as a clause: `with of_program(title)`
    """Errors raised inside are the program's, unless they say better themselves whose they are."""

    __slots__ = ("_title",)

    def __init__(self, title: str) -> None:
        self._title = title

    def __enter__(self) -> None:
        return

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, CallCancelled):
            raise FaultError(_program_fault(error, self._title)) from error


def _program_fault(error: BaseException, title: str) -> Fault:
    if isinstance(error, FaultError):
        return _placed(_clean(error.fault), error, title)
    if isinstance(error, dspy.LMError | lm15.LM15Error):
        return _placed(_lm_fault(error), error, title)
    return _placed(_told(error, FaultKind.PROGRAM_ERROR), error, title)


def _placed(fault: Fault, error: BaseException, title: str) -> Fault:
    """Add where in the program it happened."""
    details: dict[str, Any] = {"program": title, **fault.details}
    if (place := user_line(error)) is not None:
        details.setdefault("source", place[0])
        details.setdefault("line", place[1])
    return replace(fault, details=details, traceback=fault.traceback or user_traceback(error))


def _told(error: BaseException, kind: FaultKind) -> Fault:
    number = error.errno if isinstance(error, OSError) else None
    return Fault(
        kind,
        _message_of(error),
        type=type(error).__name__,
        details={} if number is None else {"errno": number},
        traceback=user_traceback(error),
    )


def _lm_fault(error: BaseException) -> Fault:
    """The host's own words where it was the host that failed, else what DSPy or lm15 say."""
    for cause in _causes(error):
        own = getattr(cause, FAULT, None)
        if isinstance(own, Fault):
            return _clean(own)
    details: dict[str, Any] = {}
    for name in ("code", "provider", "provider_code", "status", "request_id", "retry_after"):
        for cause in _causes(error):
            if (value := getattr(cause, name, None)) is not None and isinstance(value, str | int | float):
                details.setdefault(name, value)
    retryable = isinstance(error, (*_RETRYABLE_LM_ERRORS, *lm15.RETRYABLE_ERRORS))
    return _clean(
        Fault(
            FaultKind.LM_ERROR,
            _message_of(error),
            type=type(error).__name__,
            retryable=retryable,
            details=details,
        )
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__


def _clean(fault: Fault) -> Fault:
    return replace(fault, message=redact(fault.message)[:MAX_MESSAGE])


def _message_of(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  (an exception class of the user's may fail at anything)
        text = ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    shown = " / ".join(lines) or type(error).__name__
    return redact(shown if len(shown) <= MAX_MESSAGE else shown[:MAX_MESSAGE] + "…")
