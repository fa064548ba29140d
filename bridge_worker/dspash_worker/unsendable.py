"""Unsendable: the fault for a message that the protocol would not let us send."""

from __future__ import annotations

from dspash_protocol import FaultError, FaultKind, FrameTooLargeError, InvalidValueError, LocalProtocolError

__all__ = ["fault_of_unsendable"]


def fault_of_unsendable(what: str, error: LocalProtocolError) -> FaultError:
    """Tell why `what` was not sent: it holds something that is no wire value, it is too large, or not allowed now."""
    message = f"{what} cannot be sent: {error}"
    if isinstance(error, InvalidValueError):
        return FaultError.of(FaultKind.UNSERIALISABLE, message, path=error.path)
    if isinstance(error, FrameTooLargeError):
        return FaultError.of(FaultKind.TOO_LARGE, message, size=error.size, limit=error.limit)
    return FaultError.of(FaultKind.UNAVAILABLE, message)
