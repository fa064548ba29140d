"""Subject: what a run improves or an evaluation judges: a version of a program, or a module."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from dspash.resources.kernel import Scene
from dspash.resources.module import Module, module_definition
from dspash.resources.refusal import refused
from dspash.resources.runtime import Definition
from dspash.resources.versioning import definition_of

__all__ = ["Subject", "definition_of_subject", "find_subject"]


@dataclass(frozen=True, slots=True)
class Subject:
    """The ids of one program and its version's number, or of one module."""

    program_id: UUID | None = None
    program_version: int | None = None
    module_id: UUID | None = None

    def to_values(self) -> dict[str, UUID | int | None]:
        """As attributes of a run."""
        return {
            "program_id": self.program_id,
            "program_version": self.program_version,
            "module_id": self.module_id,
        }


def find_subject(
    scene: Scene, program: str | None, version: int | None, module: str | None, *, newest: bool
) -> Subject:
    """The subject of these names: a program's `version`, or its newest one, or else its live one; or a module.

    Raises InvalidInputError unless there is one of them, NotFoundError.
    """
    from dspash.resources.program import Program

    if (program is None) == (module is None):
        raise refused("$.program", "give a program or a module")
    if module is not None:
        return Subject(module_id=scene.of(Module).get(module).id)
    record = scene.of(Program).get(program)
    usual = record.latest_version if newest else record.live_version or record.latest_version
    return Subject(record.id, version or usual)


def definition_of_subject(scene: Scene, subject: Subject) -> Definition:
    """The subject, for workers to build. Raises NotFoundError when it is gone."""
    from dspash.resources.program import Program

    if subject.module_id is not None:
        return module_definition(scene.of(Module).get(subject.module_id))
    return definition_of(scene, scene.of(Program).get(subject.program_id), subject.program_version)
