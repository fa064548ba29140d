"""Problems: what pydantic found wrong, with paths as everywhere else in dspash."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any, Final, cast

from pydantic import ValidationError

from dspash.errors import InvalidInputError, Problem

__all__ = ["invalid", "shown_key"]

LONGEST_KEY: Final = 80  # characters in a path: a hostile key may be megabytes
MOST_PROBLEMS: Final = 100
_WORDS: Final = {
    "extra_forbidden": "unknown",
    "missing": "missing",
}  # as everywhere else; pydantic's own for the rest


def invalid(error: ValidationError, values: Mapping[str, Any]) -> InvalidInputError:
    """The error with every problem of `values`; none repeats the value that caused it."""
    problems: dict[Problem, None] = {}  # without those that several branches of a union have in common
    for entry in error.errors(include_url=False, include_context=False, include_input=False)[:MOST_PROBLEMS]:
        steps = list(_steps(entry["loc"], entry["type"], values))
        problems[Problem("$" + "".join(steps), _WORDS.get(entry["type"], entry["msg"]))] = None
    return InvalidInputError.of([one for one in problems if not _is_told_closer(one, problems)])


def _is_told_closer(problem: Problem, problems: Iterable[Problem]) -> bool:
    """Whether another one is inside the same value: the branch of a union that came nearest says what is wrong."""
    inside = tuple(problem.path + mark for mark in ".[")
    return any(other.path.startswith(inside) for other in problems)


def shown_key(key: object) -> str:
    """A key as it stands in a path."""
    text = str(key)
    text = text if len(text) <= LONGEST_KEY else f"{text[:LONGEST_KEY]}…"
    return text.encode(errors="backslashreplace").decode()


def _steps(place: Sequence[str | int], kind: str, values: object) -> Generator[str, None, None]:
    """The steps of a place that are in the values. Others name the branch of a union that pydantic tried."""
    for number, step in enumerate(place, 1):
        if isinstance(values, Mapping) and step in values:
            values = cast("Mapping[object, object]", values)[step]
            yield f".{shown_key(step)}"
        elif isinstance(values, (list, tuple)) and isinstance(step, int):
            listed = cast("Sequence[object]", values)
            values = listed[step] if step < len(listed) else None
            yield f"[{step}]"
        elif number == len(place) and kind == "missing":
            yield f".{step}"
