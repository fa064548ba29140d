"""JobFile: what a batch is made of, as its TOML file says it; read whole, with every problem at its place."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from dspash.errors import ConfigurationError, InvalidInputError, Problem

__all__ = [
    "DatasetEntry",
    "JobFile",
    "Name",
    "OptimizerEntry",
    "ProgramEntry",
    "Rule",
    "read_job_file",
]

_LARGEST_BYTES: Final = 1 << 20

Name: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
"""What an entry is called: it becomes part of the names of runs."""

_Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=400)]
_Choice: TypeAlias = Annotated[list[_Text], Field(min_length=1)] | _Text


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class ProgramEntry(_Part):
    """A program: the file of its `source`, or its `name` where it is kept, at a `version` or the live one."""

    source: _Text | None = None
    name: _Text | None = None
    version: Annotated[int, Field(ge=1)] | None = None


class OptimizerEntry(_Part):
    """One of DSPy's optimizers, and what it is told."""

    type: _Text
    config: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class DatasetEntry(_Part):
    """Examples to learn from, and others to be judged by: files or folders, or data sets that are kept."""

    train: _Text
    val: _Text | None = None


class Rule(_Part):
    """Which cells are meant: those with one of the named entries on every axis that is named."""

    program: _Choice | None = None
    optimizer: _Choice | None = None
    dataset: _Choice | None = None
    metric: _Choice | None = None
    model: _Choice | None = None
    seed: Annotated[list[int], Field(min_length=1)] | int | None = None

    def chosen(self, axis: str) -> list[str | int] | None:
        """The entries that it names on an axis; None: all."""
        given: list[str | int] | str | int | None = getattr(self, axis)
        return given if given is None or isinstance(given, list) else [given]


class JobFile(_Part):
    """A batch: every program × optimizer × data set × metric × model × seed that `include` and `exclude` leave."""

    name: Name
    programs: Annotated[dict[Name, ProgramEntry], Field(min_length=1, max_length=1000)]
    optimizers: Annotated[dict[Name, OptimizerEntry], Field(min_length=1, max_length=1000)]
    datasets: Annotated[dict[Name, DatasetEntry], Field(min_length=1, max_length=1000)]
    metrics: Annotated[dict[Name, str | dict[str, str]], Field(min_length=1, max_length=1000)]
    models: Annotated[list[_Text], Field(min_length=1, max_length=1000)]
    seeds: Annotated[list[int], Field(min_length=1, max_length=1000)] = [0]
    include: list[Rule] = Field(default_factory=list[Rule])
    exclude: list[Rule] = Field(default_factory=list[Rule])


def read_job_file(path: Path) -> JobFile:
    """Read the file's form; what it names is for `check_job_file` to look at.

    Raises ConfigurationError for a file that is no TOML, and InvalidInputError with all that is wrong with one that is.
    """
    try:
        return JobFile.model_validate(_parsed(path))
    except ValidationError as error:
        raise InvalidInputError.of([_problem_of(one) for one in error.errors()]) from None


def _parsed(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ConfigurationError(str(path), "it is larger than 1 MiB", "name a job file")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(str(path), "there is no such file", "name a job file") from None
    except OSError as error:
        problem = f"it cannot be read: {error.strerror}"
        raise ConfigurationError(str(path), problem, "name a readable file") from None
    except UnicodeDecodeError:
        raise ConfigurationError(str(path), "it is no UTF-8 text", "save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(str(path), f"it is no TOML: {error}", "mend the file") from None
    except RecursionError:
        raise ConfigurationError(str(path), "it is nested too deeply", "mend the file") from None


def _problem_of(raw: Any) -> Problem:
    keys: tuple[str | int, ...] = raw["loc"]
    place = "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    match raw["type"]:
        case "extra_forbidden":
            return Problem(place, "there is no such key")
        case "missing":
            return Problem(place, "missing")
        case _:
            return Problem(place, raw["msg"][:1].lower() + raw["msg"][1:])
