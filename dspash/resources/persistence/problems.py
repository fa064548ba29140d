"""Problems: what pydantic found wrong, with paths as everywhere else in dspash."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final, cast

from pydantic import ValidationError

from dspash.errors import InvalidInputError, Problem

__all__ = ["invalid", "shown_key"]

LONGEST_KEY: Final = 80  # characters in a path: a hostile key may be megabytes
MOST_PROBLEMS: Final = 100


def invalid(error: ValidationError, values: Mapping[str, Any]) -> InvalidInputError:
    """The error with every problem of `values`; none repeats the value that caused it."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:MOST_PROBLEMS]
    return InvalidInputError.of(
        [Problem("$" + "".join(_steps(entry["loc"], entry["type"], values)), entry["msg"]) for entry in found]
    )


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
