"""Submission: how code ends its execution with the final values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

__all__ = ["Submission", "submitter"]


class Submission(BaseException):
    """Raised by SUBMIT and let through by `except Exception`. It counts for the cell that `key` belongs to alone."""

    def __init__(self, key: object, values: dict[str, Any]) -> None:
        super().__init__("SUBMIT")
        self.key = key
        self.values = values


def submitter(key: object, fields: tuple[str, ...] | None) -> Callable[..., NoReturn]:
    """Make the SUBMIT of one cell.

    It takes `fields`, all by position or all by name; without fields one value, which is called `output`.
    """

    def SUBMIT(*values: Any, **named: Any) -> NoReturn:  # noqa: N802 - what DSPy's prompts call it
        """End this execution with the final values."""
        raise Submission(key, _values(fields, values, named))

    return SUBMIT


def _values(fields: tuple[str, ...] | None, values: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    if fields is None:
        if len(values) != 1 or named:
            raise TypeError("SUBMIT requires one output value")
        return {"output": values[0]}
    wanted = f"SUBMIT takes {', '.join(fields) or 'nothing'}"
    if values and named:
        raise TypeError(f"{wanted}: all by position or all by name")
    if len(values) > len(fields):
        raise TypeError(f"{wanted}; {len(values)} values were given")
    given = dict(zip(fields, values, strict=False)) if values else named
    if missing := [name for name in fields if name not in given]:
        raise TypeError(f"{wanted}; {', '.join(missing)} is missing")
    if unknown := [name for name in given if name not in fields]:
        raise TypeError(f"{wanted}; {', '.join(unknown)} is none of them")
    return given
