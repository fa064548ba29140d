"""Refusal: the error with which a signature that cannot be read is turned away."""

from __future__ import annotations

from typing import Any

from dspash.errors import InvalidInputError
from dspash_protocol import Progress
from dspash_protocol.signature import SignatureError

__all__ = ["invalid_signature"]


def invalid_signature(error: SignatureError) -> InvalidInputError:
    """Return the error a worker would answer with: `details` has path, and field and character position where known."""
    details: dict[str, Any] = {"path": error.path}
    if error.field is not None:
        details["field"] = error.field
    if error.position is not None:
        details["position"] = error.position
    return InvalidInputError(
        str(error), type=type(error).__name__, progress=Progress.NOT_SENT, details=details
    )
