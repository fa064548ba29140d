"""Named run: the one run of a name, which is begun, continued or done; it is the same only while nothing it depends on
has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import JsonValue

from dspash.errors import ConflictError, NotFoundError
from dspash.resources.fingerprint import changes, fingerprint_of
from dspash.resources.kernel import Scene
from dspash.resources.optimization_run import OptimizationRun
from dspash.resources.program import Program
from dspash.resources.versioning import version_of

__all__ = ["confirm", "named_run"]

_NEW_RUN: Final = "put that back, give the run another name, or force a new one"


def named_run(
    scene: Scene, name: str, arguments: Mapping[str, Any], *, teacher: str | None, force: bool
) -> OptimizationRun:
    """The run of this name, made of `arguments`, as `create` takes them, where there is none yet.

    A version that the run itself has made stands for the one that it began with: asking for a program by its name
    again, one gets the newest. `teacher` is the content hash of the program that teaches. `force`: one that is other
    than these arguments say, or was cancelled, loses its name to a new one. Raises ConflictError for such a run, telling
    what has changed, and for one that goes on elsewhere.
    """
    runs = scene.of(OptimizationRun)
    try:
        found = runs.get(name)
    except NotFoundError:
        return runs.create(**arguments, name=name)
    if found.status == "running":
        raise _refused(found, "it goes on already", "wait for its end, or cancel it")
    values = OptimizationRun.create.function(scene, **arguments)
    if _has_made(scene, found, values):
        values = {**values, "program_version": found.program_version}
    asked: dict[str, JsonValue] = {**fingerprint_of(scene, values), "teacher": teacher}
    told = changes({"teacher": None, **found.fingerprint}, asked)
    if found.status == "cancelled":
        told = [*told, "it was cancelled"]
    if not told:
        return found
    if not force:
        raise _refused(found, "; ".join(told), _NEW_RUN)
    runs.release(found)
    return runs.create(**arguments, name=name)


def confirm(scene: Scene, run: OptimizationRun, parts: Mapping[str, JsonValue]) -> OptimizationRun:
    """Hold `parts` of a fingerprint against those with which the run began, which keeps what it has not got.

    Raises ConflictError.
    """
    told = changes(run.fingerprint, parts) if run.started_at is not None else ()
    if told:
        raise _refused(run, "; ".join(told), _NEW_RUN)
    return scene.of(OptimizationRun).confirm(run.id, fingerprint={**run.fingerprint, **parts})


def _has_made(scene: Scene, run: OptimizationRun, values: Mapping[str, Any]) -> bool:
    if run.program_id is None or values["program_id"] != run.program_id:
        return False
    number = values["program_version"]
    program = scene.of(Program).get(run.program_id)
    return number == run.result_version or version_of(scene, program, number).run_id == run.id


def _refused(run: OptimizationRun, problem: str, way_out: str) -> ConflictError:
    told = f"run {run.name or run.id} is not continued: {problem}"
    return ConflictError(resource="OptimizationRun", conflict="fingerprint", problem=told, way_out=way_out)
