"""Inputs: what a caller gives, held against a signature before anything is sent."""

from __future__ import annotations

from dspash.errors import InvalidInputError
from dspash_protocol import Progress
from dspash_protocol.signature import InputCheck, summary

__all__ = ["require_inputs"]


def require_inputs(check: InputCheck, inputs: object, *, path: str = "$.inputs") -> None:
    """Raise InvalidInputError telling everything missing, unknown and mistyped at once, as a worker would; unless all fits."""
    problems = check.problems(inputs, path=path)
    if problems:
        told = [{"path": problem.path, "message": problem.message} for problem in problems]
        raise InvalidInputError(
            summary(problems),
            progress=Progress.NOT_SENT,
            details={"path": problems[0].path, "problems": told},
        )
