"""Subjects: what the records know of a runnable that is executed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from dspash.app.contents import content_of_runnable
from dspash.app.records import Records
from dspash.app.registrar import Registrar
from dspash.app.runnable import Program, Runnable
from dspash.errors import NotFoundError
from dspash.resources.content import ContentError

if TYPE_CHECKING:
    from dspash.resources.kernel.scene import StoredScene
    from dspash.resources.tracing import Subject

__all__ = ["Subjects"]

FRESH_S: Final = 5.0
"""How long what was found holds: a record may be made, or destroyed, at any time."""

_FORMS: Final = ("source", "forward_fn", "class")


class Subjects:
    """Finds the record and version of a runnable by its name and content. For the recorder's thread alone."""

    def __init__(self, records: Records, registrar: Registrar) -> None:
        self._records = records
        self._registrar = registrar
        self._found: dict[str, tuple[float, Runnable, Subject]] = {}

    def __repr__(self) -> str:
        return f"<Subjects known={len(self._found)}>"

    def of(self, runnable: Runnable) -> Subject:
        """What is known of it, at the least its id."""
        kept = self._found.get(runnable.id)
        now = time.monotonic()
        if kept is not None and kept[1] is runnable and now < kept[0] + FRESH_S:
            return kept[2]
        found = self._find(runnable)
        self._found[runnable.id] = (now, runnable, found)
        return found

    def _find(self, runnable: Runnable) -> Subject:
        from dspash.resources.tracing.execution import Subject

        is_program = isinstance(runnable, Program)
        form = next((form for form in _FORMS if runnable.create.get(form) is not None), "")
        known: dict[str, Any] = {}
        if runnable.name:
            self._registrar.settle()  # it may have been defined a moment ago
            find = _program if is_program else _module
            known = find(self._records.scene(), runnable)
        return Subject(
            kind="program" if is_program else "module",
            name=runnable.name or runnable.id,
            type=form if is_program else str(runnable.create.get("type", "")),
            **known,
        )


def _program(scene: StoredScene, runnable: Runnable) -> dict[str, Any]:
    from dspash.resources import program, versioning

    try:
        record = scene.of(program.Program).get(runnable.name)
        number = versioning.number_of(scene, record, content_of_runnable(runnable).content_hash)
    except (NotFoundError, ContentError):  # it was not kept, or is no more
        return {}
    return {"program_id": record.id, "program_version": number}


def _module(scene: StoredScene, runnable: Runnable) -> dict[str, Any]:
    from dspash.resources import module

    try:
        return {"module_id": scene.of(module.Module).get(runnable.name).id}
    except NotFoundError:
        return {}
