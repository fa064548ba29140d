"""Errors: why a worker could not be confined."""

from __future__ import annotations

__all__ = ["ConfinementError"]


class ConfinementError(Exception):
    """A step of confinement failed, so this process must run no untrusted code: report it, then end.

    `step` is the step's name; `errno` the kernel's number, or None where the cause is not a system call. The text names
    the call, and the path if there is one.
    """

    def __init__(self, step: str, cause: OSError | ValueError) -> None:
        super().__init__(f"{step}: {cause}")
        self.step = step
        self.errno = cause.errno if isinstance(cause, OSError) else None
