"""DataFile: examples read from a file and checked against a model; an error names the file and the place in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from dspash.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["read_json", "read_json_lines"]

Item = TypeVar("Item", bound=BaseModel)


def read_json(path: Path, form: TypeAdapter[list[Item]]) -> list[Item]:
    """Read a file that is one JSON list, of one item or more.

    Raises ConfigurationError for a file that cannot be read or does not fit.
    """
    try:
        items = form.validate_json(_content_of(path), strict=True)
    except ValidationError as error:
        raise _unfit(path, error) from None
    return _some(path, items)


def read_json_lines(path: Path, item: type[Item]) -> list[Item]:
    """Read a file of one JSON `item` a line, one or more; blank lines count as lines and hold nothing.

    Raises ConfigurationError for a file that cannot be read or does not fit.
    """
    items: list[Item] = []
    for number, line in enumerate(_content_of(path).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            items.append(item.model_validate_json(line, strict=True))
        except ValidationError as error:
            raise _unfit(path, error, line=number) from None
    return _some(path, items)


def _content_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        problem, way_out = "there is no such file", "name the folder that holds it"
    except OSError as error:
        problem, way_out = f"it cannot be read: {error.strerror}", "name a readable file"
    raise ConfigurationError(str(path), problem, way_out)


def _some(path: Path, items: list[Item]) -> list[Item]:
    if not items:
        raise ConfigurationError(str(path), "it holds no examples", "give one or more")
    return items


def _unfit(path: Path, error: ValidationError, line: int | None = None) -> ConfigurationError:
    first, *others = error.errors(include_url=False, include_input=False)
    problem = _problem_of(first, line)
    if others:
        problem += f" (and {len(others)} more)"
    return ConfigurationError(f"{path}{_place_of(first, line)}", problem, "mend the file")


def _place_of(error: ErrorDetails, line: int | None) -> str:
    """Return ", line 7, $.intent": the line where there are lines, the path where the JSON could be read."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"]]
    where = [] if line is None else [f"line {line}"]
    if steps:
        where.append("$" + "".join(steps))
    return "".join(f", {part}" for part in where)


def _problem_of(error: ErrorDetails, line: int | None) -> str:
    problem = error["msg"]
    # The parser saw one line and calls it the first.
    return problem if line is None else problem.replace("at line 1 column", "at column")
