"""Version diff: what two versions of a program differ in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dspash.resources.content import diff_contents
from dspash.resources.kernel import Scene
from dspash.resources.runtime import runtime_of
from dspash.resources.versioning import definition_of, version_of

if TYPE_CHECKING:
    from dspash.resources.program import Program

__all__ = ["compare_versions"]


def compare_versions(scene: Scene, record: Program, before: int | None, after: int | None) -> dict[str, Any]:
    """The names of the two versions, what differs as data, and as `text`; by default the newest and its parent.

    Raises NotFoundError, and UnavailableError where only a worker could tell what one of them has learned.
    """
    later = version_of(scene, record, after or record.latest_version)
    earlier = version_of(scene, record, before or later.parent or later.number)
    contents = [each.program_content() for each in (earlier, later)]
    if sum(content.state is None for content in contents) == 1:
        # What one has learned is compared with what the other's source says: a worker knows that.
        contents = [
            content
            if content.state is not None
            else content.with_state(runtime_of(scene).inspect(definition_of(scene, record, version.number)))
            for content, version in zip(contents, (earlier, later), strict=True)
        ]
    found = diff_contents(*contents)
    names = {"before": earlier.name, "after": later.name}
    return {**names, **found.to_map(), "text": "\n".join(found.lines())}
