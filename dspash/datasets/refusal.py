"""Refusal: the error with which a file is turned away, naming the place in it."""

from __future__ import annotations

from dspash.errors import InvalidInputError, Problem
from dspash_protocol import MAX_VALUE_DEPTH, find_problem

__all__ = ["check_fields", "unfit"]


def unfit(file: str, problem: str, *, line: int | None = None, path: str = "") -> InvalidInputError:
    """Return the error for `file`; `line` and the `path` within it, such as `$.answer`, are told where known."""
    where = [file, *([] if line is None else [f"line {line}"]), *([path] if path else [])]
    return InvalidInputError.of([Problem(", ".join(where), problem)])


def check_fields(fields: object, file: str, line: int) -> None:
    """Raise InvalidInputError unless `fields` is an object of values that workers and databases can be given."""
    if type(fields) is not dict:
        raise unfit(file, f"an object of fields is wanted, this is {type(fields).__name__}", line=line)
    if not fields:
        raise unfit(file, "an object without fields", line=line)
    if (found := find_problem(fields, max_depth=MAX_VALUE_DEPTH)) is not None:  # pyright: ignore[reportUnknownArgumentType]
        place, problem = found
        raise unfit(file, problem, line=line, path=f"${place}" if place else "")
