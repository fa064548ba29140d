"""Checking: what a job file names is there and fits together, seen before anything is asked of a model."""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dspash.batch.job_file import JobFile, OptimizerEntry, ProgramEntry
from dspash.batch.matrix import AXES, Cell, cells_of, entries_of
from dspash.datasets import files_of, read_files
from dspash.errors import ConfigurationError, DspashError, InvalidInputError, NotFoundError, Problem
from dspash.resources.examples import examples_from
from dspash.resources.kernel import Scene
from dspash.resources.metric import resolve_metric
from dspash.resources.optimizer_types import config_problems, find_optimizer_type, type_problem
from dspash.resources.program import Program

__all__ = ["Batch", "Examples", "check_job_file"]

_MOST_CELLS: Final = 10_000
_LONGEST_RUN_NAME: Final = 200
_LARGEST_SOURCE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Examples:
    """A data set as it was read: maps of inputs and expected outputs."""

    train: Sequence[Mapping[str, Any]]
    val: Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True, slots=True)
class Batch:
    """A job file that holds: its cells, the examples of its data sets and the text of its programs that are files."""

    file: JobFile
    cells: Sequence[Cell]
    examples: Mapping[str, Examples]
    sources: Mapping[str, str]


def check_job_file(file: JobFile, folder: Path, scene: Scene) -> Batch:
    """Look at all that `file` names, with paths as seen from `folder`. Raises InvalidInputError with every problem."""
    problems: list[Problem] = []
    sources = _read_sources(file, folder, scene, problems)
    for name, optimizer in file.optimizers.items():
        problems += _optimizer_problems(optimizer, f"$.optimizers.{name}")
    examples = _read_examples(file, folder, scene, problems)
    for name, metric in file.metrics.items():
        problems += _metric_problems(metric, f"$.metrics.{name}", examples, scene)
    problems += _rule_problems(file)
    cells: list[Cell] = []
    if math.prod(map(len, entries_of(file).values())) > _MOST_CELLS:
        problems.append(Problem("$", f"it has more than {_MOST_CELLS:,} cells", "make it two batches"))
    else:
        cells = cells_of(file)
        problems += _cell_problems(cells)
    if problems:
        raise InvalidInputError.of(problems)
    return Batch(file, cells, examples, sources)


def _read_sources(file: JobFile, folder: Path, scene: Scene, problems: list[Problem]) -> dict[str, str]:
    """The programs that are files; what is wrong with any program is added to `problems`."""
    sources: dict[str, str] = {}
    for name, program in file.programs.items():
        place = f"$.programs.{name}"
        try:
            source = _source_of(program, folder, scene, place)
        except DspashError as error:
            problems += _told(place, error)
        else:
            if source is not None:
                sources[name] = source
    return sources


def _read_examples(file: JobFile, folder: Path, scene: Scene, problems: list[Problem]) -> dict[str, Examples]:
    """The data sets that can be read; what is wrong with the others is added to `problems`."""
    examples: dict[str, Examples] = {}
    for name, entry in file.datasets.items():
        read: dict[str, Any] = {"val": None}
        for part, given in (("train", entry.train), ("val", entry.val)):
            place = f"$.datasets.{name}.{part}"
            try:
                if given is not None:
                    read[part] = _rows_of(given, folder, scene, place)
            except DspashError as error:
                problems += _told(place, error)
        if "train" in read:
            examples[name] = Examples(**read)
    return examples


def _told(place: str, error: DspashError) -> list[Problem]:
    """The problems of `error`, at the place in the job file that led to them."""
    if isinstance(error, InvalidInputError):
        return [
            one if one.path.startswith(place) else Problem(place, str(one), one.way_out)
            for one in error.problems
        ]
    if isinstance(error, ConfigurationError):
        return [Problem(place, f"{error.path}: {error.problem}", error.way_out)]
    return [Problem(place, str(error))]


def _source_of(program: ProgramEntry, folder: Path, scene: Scene, place: str) -> str | None:
    """The text of a program that is a file; None of one that is kept."""
    if (program.source is None) == (program.name is None):
        raise InvalidInputError.of([Problem(place, "either source or name is wanted")])
    if program.name is not None:
        found = scene.of(Program).get(program.name)
        if program.version is not None and program.version > found.latest_version:
            told = f"{program.name} has {found.latest_version} versions"
            raise InvalidInputError.of([Problem(f"{place}.version", told)])
        return None
    if program.version is not None:
        raise InvalidInputError.of([Problem(f"{place}.version", "a source has no versions")])
    path = folder / Path(program.source or "").expanduser()
    try:
        if path.stat().st_size > _LARGEST_SOURCE_BYTES:
            raise ConfigurationError(str(path), "it is larger than 1 MiB", "name a program's source")
        text = path.read_text(encoding="utf-8")
        ast.parse(text)
    except OSError as error:
        problem = f"it cannot be read: {error.strerror}"
        raise ConfigurationError(str(path), problem, "name a readable file") from None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigurationError(str(path), f"it is no Python: {error}", "mend the file") from None
    return text


def _optimizer_problems(optimizer: OptimizerEntry, place: str) -> list[Problem]:
    found = find_optimizer_type(optimizer.type)
    if found is None:
        return [type_problem(optimizer.type, path=f"{place}.type")]
    if not found.portable:
        told = f"what {found.name} makes stays in its worker, so no run can keep it"
        return [Problem(f"{place}.type", told, "choose one that makes instructions or demonstrations")]
    missing = [
        Problem(f"{place}.config.{name}", f"missing: {found.name} needs it")
        for name, parameter in found.parameters.items()
        if parameter.required and name not in optimizer.config
    ]
    return [*config_problems(found, optimizer.config, path=f"{place}.config"), *missing]


def _rows_of(given: str, folder: Path, scene: Scene, place: str) -> list[dict[str, Any]]:
    path = folder / Path(given).expanduser()
    if path.exists():
        rows = [one.row.fields for one in read_files(files_of(path))]
    else:
        try:
            rows = examples_from(scene, given, place).rows
        except NotFoundError:
            problem = f"there is no file {path}, and no data set {given!r}"
            raise InvalidInputError.of([Problem(place, problem)]) from None
    if not rows:
        raise InvalidInputError.of([Problem(place, "it holds no examples")])
    return rows


def _metric_problems(
    metric: str | dict[str, str], place: str, examples: Mapping[str, Examples], scene: Scene
) -> Iterator[Problem]:
    if isinstance(metric, dict) and ("name" not in metric or not metric.keys() <= {"name", "field"}):
        yield Problem(place, "name is wanted, and field where it compares one field alone")
        return
    name = metric if isinstance(metric, str) else metric["name"]
    try:
        resolve_metric(scene, name, place)
    except InvalidInputError as error:
        yield from _told(place, error)
        return
    field = metric.get("field") if isinstance(metric, dict) else None
    for dataset, found in examples.items():
        rows = [*found.train, *(found.val or ())]
        lacking = sum(field not in row for row in rows) if field is not None else 0
        if lacking:
            told = f"{lacking} of the {len(rows)} examples of {dataset} have no {field}"
            yield Problem(f"{place}.field", told)


def _rule_problems(file: JobFile) -> Iterator[Problem]:
    """A rule that names what is not there would leave more, or fewer, cells than its writer thinks."""
    known = entries_of(file)
    for kind, rules in (("include", file.include), ("exclude", file.exclude)):
        for index, rule in enumerate(rules):
            if all(rule.chosen(axis) is None for axis in AXES):
                yield Problem(f"$.{kind}[{index}]", f"it names none of {', '.join(AXES)}")
            for axis in AXES:
                for value in rule.chosen(axis) or ():
                    if value not in known[axis]:
                        yield Problem(f"$.{kind}[{index}].{axis}", f"the file has no {axis} {value!r}")


def _cell_problems(cells: Sequence[Cell]) -> Iterator[Problem]:
    if not cells:
        yield Problem("$", "include and exclude leave nothing to do")
    for run, count in Counter(cell.run for cell in cells).items():
        if count > 1:
            yield Problem("$", f"{count} cells would be the run {run}", "name each entry once")
        if len(run) > _LONGEST_RUN_NAME:
            yield Problem("$", f"the run's name {run:.60}… is too long", "use shorter names of entries")
