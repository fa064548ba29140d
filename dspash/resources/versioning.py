"""Versioning: a program's versions, written once and read by number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from dspash.errors import NotFoundError
from dspash.resources.content import ProgramContent
from dspash.resources.kernel import Scene
from dspash.resources.program_version import ProgramVersion, version_name, version_values
from dspash.resources.runtime import Definition
from dspash_protocol import Progress

if TYPE_CHECKING:
    from dspash.resources.kernel.scene import StoredScene
    from dspash.resources.program import Program

__all__ = ["add_version", "definition_of", "forget_versions", "number_of", "version_of"]


def add_version(
    scene: Scene, program_id: UUID, program: str, number: int, content: ProgramContent, **more: Any
) -> None:
    """Write a version, in the scene's transaction. Raises ContentError, and ConflictError when the number is taken."""
    from dspash.resources.persistence.writer import Writer

    stored = cast("StoredScene", scene)  # actions are given no other
    writer = Writer[ProgramVersion](stored, stored.domain.declaration(ProgramVersion))
    made = writer.make(version_values(program_id, program, number, content, **more))
    writer.insert([made], "add_version")


def forget_versions(scene: Scene, program_id: UUID) -> None:
    """Remove all versions of a program that goes, in the scene's transaction."""
    from sqlalchemy import delete

    stored = cast("StoredScene", scene)
    table = stored.domain.table(stored.domain.declaration(ProgramVersion))
    own = (table.c.tenant_id == scene.context.tenant, table.c.program_id == program_id)
    stored.connection.execute(delete(table).where(*own))


def version_of(scene: Scene, program: Program, number: int) -> ProgramVersion:
    """The version of this number. Raises NotFoundError naming those there are."""
    try:
        return scene.of(ProgramVersion).get(version_name(program.name, number))
    except NotFoundError:
        problem = f"{program.name} has no version {number}; there are 1 to {program.latest_version}"
        details = {"resource": "ProgramVersion", "way_out": "name one of these"}
        raise NotFoundError(problem, progress=Progress.NOT_SENT, details=details) from None


def number_of(scene: Scene, program: Program, content_hash: str) -> int | None:
    """The number of the version that has this content; None when there is none."""
    wanted = {"program_id": str(program.id), "content_hash": content_hash}
    found = scene.of(ProgramVersion).list(filter=wanted, limit=1, select=["number"]).items
    return found[0].number if found else None


def definition_of(scene: Scene, program: Program, number: int | None = None) -> Definition:
    """A version, for workers to build: by default the live one, or the newest while none is live."""
    version = version_of(scene, program, number or program.live_version or program.latest_version)
    return Definition(program.name, version.program_content(), program.sandbox)
