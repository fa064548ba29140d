"""Refusal: the error with which a file is turned away, naming the place in it."""

from __future__ import annotations

from dspash.errors import InvalidInputError, Problem
from dspash_protocol import MAX_VALUE_DEPTH, find_problem

__all__ = ["check_fields", "place_of", "unfit"]


def unfit(file: str, problem: str, *, line: int | None = None, path: str = "") -> InvalidInputError:
    """Return the error for `file`; `line` and the `path` within it, such as `$.answer`, are told where known."""
    return InvalidInputError.of([Problem(place_of(file, line, path), problem)])


def place_of(file: str, line: int | None, path: str = "") -> str:
    """Return where something stands, as errors say it: `train.jsonl, line 7, $.answer`.

    Where rows were given and not read, `file` is the argument, and the line a row's place in it: `$.examples[7].answer`.
    """
    if file.startswith("$"):
        return f"{file}[{line}]{path[1:]}"
    return ", ".join([file, *([] if line is None else [f"line {line}"]), *([path] if path else [])])


def check_fields(fields: object, file: str, line: int) -> None:
    """Raise InvalidInputError unless `fields` is an object of values that workers and databases can be given."""
    if type(fields) is not dict:
        raise unfit(file, f"an object of fields is wanted, this is {type(fields).__name__}", line=line)
    if not fields:
        raise unfit(file, "an object without fields", line=line)
    if (found := find_problem(fields, max_depth=MAX_VALUE_DEPTH)) is not None:  # pyright: ignore[reportUnknownArgumentType]
        place, problem = found
        raise unfit(file, problem, line=line, path=f"${place}" if place else "")
