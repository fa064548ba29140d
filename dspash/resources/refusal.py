"""Refusal: what is wrong with a content, told as actions tell it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from dspash.errors import InvalidInputError, Problem
from dspash.resources.content import ContentError

__all__ = ["refused", "refusing"]


def refused(path: str, problem: str, way_out: str = "") -> InvalidInputError:
    """The error for one argument that does not fit."""
    return InvalidInputError.of([Problem(path, problem, way_out)])


@contextmanager
def refusing(argument: str) -> Generator[None]:
    """Tell a ContentError inside the block as an InvalidInputError about `argument`, such as `$.modules`."""
    try:
        yield
    except ContentError as error:
        place = argument + error.path[1:] if error.path.startswith("$") else f"{argument}: {error.path}"
        raise refused(place, error.problem, error.way_out) from None
