"""Predictor: one leaf of a module or program, whose instructions and demonstrations can be edited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, JsonValue

from dspash.resources.content import Leaf, json_of
from dspash.resources.kernel import Attribute, BelongsTo, Resource, Scene, Values, create, internal, update
from dspash.resources.refusal import refusing

__all__ = ["Predictor", "keep_leaves"]


class Predictor(Resource, table="predictors"):
    """A leaf of a module, or of the newest version of a program: one question to a model, and how it is put.

    They are listed once a worker has shown them: `programs.inspect`, `modules.inspect`, and every compilation, do that.
    """

    program_id: Annotated[
        UUID | None, Attribute("The program it is part of.", references="Program", on_delete="cascade")
    ] = None
    module_id: Annotated[
        UUID | None, Attribute("The module it is part of.", references="Module", on_delete="cascade")
    ] = None
    name: Annotated[
        str, Attribute("Its path there: `generate_answer.predict`.", indexed=True, max_length=400)
    ]
    position: Annotated[int, Attribute("Its place among the others, from 0.")] = 0
    instructions: Annotated[str, Attribute("What the model is told to do.")] = ""
    fields: Annotated[
        list[dict[str, JsonValue]],
        Attribute("The fields of its signature: prefix and description, inputs first."),
    ] = Field(default_factory=list[dict[str, JsonValue]])
    demos: Annotated[
        list[dict[str, JsonValue]], Attribute("The examples that the model is shown.", max_length=64_000_000)
    ] = Field(default_factory=list[dict[str, JsonValue]])
    lm: Annotated[
        dict[str, JsonValue] | None, Attribute("The model it asks, where it has one of its own.")
    ] = None

    program = BelongsTo("Program", by="program_id")
    module = BelongsTo("Module", by="module_id")

    @internal
    @create
    def show(
        scene: Scene, *, program_id: UUID | None, module_id: UUID | None, leaf: dict[str, JsonValue]
    ) -> Values:
        """List a leaf that a worker has shown."""
        return {"program_id": program_id, "module_id": module_id, **leaf}

    @internal
    @update
    def reshow(scene: Scene, record: Predictor, *, leaf: dict[str, JsonValue]) -> Values:
        """List the leaf as a worker has shown it since."""
        return leaf

    @update
    def update(
        scene: Scene,
        record: Predictor,
        *,
        instructions: str | None = None,
        demos: list[dict[str, JsonValue]] | None = None,
    ) -> Values:
        """Put its question otherwise. Of a program this makes a new version; of a module it changes what it has learned."""
        from dspash.resources.module import Module
        from dspash.resources.program import Program

        leaf = Leaf(
            record.name,
            record.instructions if instructions is None else instructions,
            tuple(record.demos if demos is None else demos),
        )
        with refusing("$"):
            edited = json_of({"name": leaf.name, "instructions": leaf.instructions, "demos": leaf.demos})
        if record.program_id is not None:
            scene.of(Program).edit(record.program_id, leaf=edited)
        elif record.module_id is not None:
            scene.of(Module).edit(record.module_id, leaf=edited)
        return {"instructions": leaf.instructions, "demos": list(leaf.demos)}


def keep_leaves(
    scene: Scene, leaves: Sequence[Leaf], *, program_id: UUID | None = None, module_id: UUID | None = None
) -> None:
    """Have exactly these leaves listed for a program or module, in the scene's transaction."""
    owner = {"program_id": str(program_id)} if program_id is not None else {"module_id": str(module_id)}
    predictors = scene.of(Predictor)
    listed = {record.name: record for record in predictors.iterate(filter=owner)}
    for position, leaf in enumerate(leaves):
        shown = json_of({**_values_of(leaf), "name": leaf.name, "position": position})
        found = listed.pop(leaf.name, None)
        if found is None:
            predictors.show(program_id=program_id, module_id=module_id, leaf=shown)
        else:
            predictors.reshow(found, leaf=shown)
    for stale in listed.values():
        predictors.destroy(stale)


def _values_of(leaf: Leaf) -> dict[str, Any]:
    return {
        "instructions": leaf.instructions,
        "demos": list(leaf.demos),
        "fields": list(leaf.fields),
        "lm": leaf.lm,
    }
