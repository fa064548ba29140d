"""RefusedError: why a request is not served."""

from __future__ import annotations

__all__ = ["RefusedError"]


class RefusedError(Exception):
    """A request that breaks the rules of its wire, with the status and the code that its provider gives it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(message)

    @classmethod
    def bad(cls, place: str, problem: str) -> RefusedError:
        """A body that no client should send."""
        return cls(400, "invalid_request_error", f"{place}: {problem}")
