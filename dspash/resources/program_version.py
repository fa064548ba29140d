"""ProgramVersion: a program as it stood at one moment, for good."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, JsonValue

from dspash.resources.content import ProgramContent
from dspash.resources.kernel import Attribute, BelongsTo, Resource
from dspash.resources.software import installed_software

__all__ = ["Origin", "ProgramVersion", "version_name", "version_values"]

Origin: TypeAlias = Literal["created", "defined", "compiled", "edited", "imported"]


class ProgramVersion(Resource, table="program_versions", append_only=True):
    """A program as it stood at one moment: its text, its modules, what it had learned. Never changed afterwards.

    Programs make their versions themselves: whatever changes what a program is makes a new one.
    """

    name: Annotated[
        str,
        Attribute("The program's name and the version's number: `Baleen@3`.", unique=True, max_length=220),
    ]
    # No foreign key: the first version is written with its program, and before it.
    program_id: Annotated[UUID, Attribute("The program.", indexed=True)]
    number: Annotated[int, Attribute("Counts the program's versions, from 1.")]
    content: Annotated[
        dict[str, JsonValue],
        Attribute("All that a worker needs to build it: form, text, modules, state.", max_length=64_000_000),
    ]
    content_hash: Annotated[
        str,
        Attribute("The SHA-256 of the content: equal programs have equal ones.", indexed=True, max_length=64),
    ]
    origin: Annotated[
        Origin,
        Attribute(
            "How it came about: created or defined by hand, compiled by an optimizer, edited, imported.",
            max_length=20,
        ),
    ]
    parent: Annotated[int | None, Attribute("The number of the version that it was made of.")] = None
    run_id: Annotated[UUID | None, Attribute("The optimization run that made it.", indexed=True)] = None
    score: Annotated[float | None, Attribute("What the optimizer reached with it, from 0 to 1.")] = None
    software: Annotated[dict[str, str], Attribute("The versions of what it was made with.")] = Field(
        default_factory=dict[str, str]
    )

    program = BelongsTo("Program", by="program_id")

    def program_content(self) -> ProgramContent:
        """The content as a value."""
        return ProgramContent.from_map(self.content)


def version_name(program: str, number: int) -> str:
    """What a version is called."""
    return f"{program}@{number}"


def version_values(
    program_id: UUID, program: str, number: int, content: ProgramContent, **more: Any
) -> dict[str, Any]:
    """The values of a version's attributes. Raises ContentError."""
    return {
        "name": version_name(program, number),
        "program_id": program_id,
        "number": number,
        "content": content.to_map(),
        "content_hash": content.content_hash,
        "software": installed_software(),
        **more,
    }
