"""Problems: what pydantic found wrong, with paths as everywhere else in dspash."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from dspash.errors import InvalidInputError, Problem

__all__ = ["invalid", "path_of"]

_LONGEST_STEP = 80  # characters of a key: a hostile one may be megabytes
_MOST_PROBLEMS = 100


def invalid(error: ValidationError, *, root: str = "$") -> InvalidInputError:
    """The error with all problems, none of which repeats the value that caused it."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:_MOST_PROBLEMS]
    return InvalidInputError.of([Problem(path_of(entry["loc"], root=root), entry["msg"]) for entry in found])


def path_of(steps: Iterable[str | int], *, root: str = "$") -> str:
    """`$.inputs[0].type` for ("inputs", 0, "type")."""
    return root + "".join(f"[{step}]" if isinstance(step, int) else f".{_shortened(step)}" for step in steps)


def _shortened(step: str) -> str:
    text = step if len(step) <= _LONGEST_STEP else f"{step[:_LONGEST_STEP]}…"
    return text.encode(errors="backslashreplace").decode()
