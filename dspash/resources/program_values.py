"""Program values: what a program's record says of its content, written together with the version that has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dspash.resources.content import ProgramContent, ProgramForm
from dspash.resources.kernel import Scene, new_id
from dspash.resources.program_version import Origin
from dspash.resources.refusal import refusing
from dspash.resources.versioning import add_version, number_of

if TYPE_CHECKING:
    from dspash.resources.program import Program

__all__ = ["new_program", "next_version"]

_TEXT_ATTRIBUTES: Final = {
    ProgramForm.SOURCE: "source",
    ProgramForm.FORWARD_FN: "forward_fn",
    ProgramForm.CLASS: "class_path",
}


def new_program(
    scene: Scene, name: str, content: ProgramContent, origin: Origin, **more: Any
) -> dict[str, Any]:
    """A new program's values; its first version is written."""
    program_id = new_id()
    with refusing("$"):
        values = _values_of(content)
        add_version(scene, program_id, name, 1, content, origin=origin)
    return {"id": program_id, "name": name, **values, **more}


def next_version(
    scene: Scene, record: Program, content: ProgramContent, origin: Origin, **more: Any
) -> dict[str, Any]:
    """What changes with a version of this content; it is written. Nothing, when there is one that is the same."""
    if number_of(scene, record, content.content_hash) is not None:
        return {}
    number = record.latest_version + 1
    told = {"parent": record.latest_version, **more}
    add_version(scene, record.id, record.name, number, content, origin=origin, **told)
    return {**_values_of(content), "latest_version": number}


def _values_of(content: ProgramContent) -> dict[str, Any]:
    plain = content.to_map()
    texts: dict[str, Any] = {"source": None, "forward_fn": None, "class_path": None}
    texts[_TEXT_ATTRIBUTES[content.form]] = content.text
    return {
        **texts,
        "form": content.form,
        "modules": [
            {"name": name, "type": module.type, "content_hash": module.content_hash}
            for name, module in content.modules
        ],
        "config": plain.get("config", {}),
        "tools": [tool.name for tool in content.tools],
        "compiled_state": plain.get("state"),
        "content_hash": content.content_hash,
    }
