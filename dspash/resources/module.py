"""Module: a DSPy module by name: its type, its signature, and what it has learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, JsonValue

from dspash.prediction import Prediction
from dspash.resources.content import (
    Leaf,
    ModuleContent,
    content_of,
    edited_leaf,
    json_of,
    leaves_of,
    signature_of,
    wire_of,
    with_leaf,
)
from dspash.resources.kernel import (
    Attribute,
    BelongsTo,
    HasMany,
    Resource,
    Scene,
    Values,
    create,
    generic,
    internal,
    update,
)
from dspash.resources.refusal import refused, refusing
from dspash.resources.runtime import Definition, runtime_of
from dspash.resources.signature import Signature
from dspash_protocol.signature import read_signature, signature_text

__all__ = ["Module", "module_definition"]


class Module(Resource, table="modules"):
    """A DSPy module that programs are composed of, and that can be run by itself."""

    name: Annotated[str, Attribute("How programs and people refer to it.", unique=True, max_length=200)]
    type: Annotated[
        str, Attribute("What kind it is: predict, chain_of_thought, react …", indexed=True, max_length=100)
    ]
    signature_text: Annotated[
        str, Attribute("What it is asked, in one line; empty where it has no signature.")
    ] = ""
    signature_id: Annotated[
        UUID | None,
        Attribute("The signature it was made with, by name.", references="Signature", on_delete="set null"),
    ] = None
    config: Annotated[dict[str, JsonValue], Attribute("What its class and its model calls are given.")] = (
        Field(default_factory=dict[str, JsonValue])
    )
    definition: Annotated[
        dict[str, JsonValue], Attribute("All that a worker needs to build it, before it learned anything.")
    ]
    state: Annotated[
        dict[str, JsonValue] | None,
        Attribute("What it has learned: DSPy's own state of its predictors.", max_length=64_000_000),
    ] = None
    content_hash: Annotated[
        str,
        Attribute(
            "The SHA-256 of the definition: equal modules have equal ones.", indexed=True, max_length=64
        ),
    ]

    signature = BelongsTo("Signature", by="signature_id")
    predictors = HasMany("Predictor", by="module_id")

    @create
    def create(
        scene: Scene,
        *,
        name: str,
        type: str,
        signature: str | dict[str, JsonValue] | None = None,
        signature_id: UUID | str | None = None,
        config: dict[str, JsonValue] | None = None,
        module: str | None = None,
        reward: JsonValue = None,
        cls: str | None = None,
    ) -> Values:
        """Make a module of `type`.

        Its signature is given as text or as lists of fields, or is that of the Signature called `signature_id`. best_of_n,
        refine and parallel take the name of another `module`, the first two a metric as `reward`; custom ones an
        importable class, `package.module:Class`.
        """
        kept = None if signature_id is None else scene.of(Signature).get(signature_id)
        if kept is not None and signature is not None:
            raise refused("$.signature", "is given twice: leave out this or signature_id")
        inner = None if module is None else scene.of(Module).get(module).content()
        with refusing("$"):
            asked: Any = signature if kept is None else _map_of(kept)
            content = ModuleContent(
                type,
                signature=None if asked is None else signature_of(asked, "$.signature"),
                config=config or {},
                inner=inner,
                reward=reward,
                class_path=cls,
            )
            return {"name": name, "signature_id": kept and kept.id, **_values_of(content)}

    @generic
    def define(scene: Scene, *, name: str, definition: dict[str, JsonValue]) -> Module:
        """Have a module of this name and definition; what one that is the same has learned it keeps."""
        with refusing("$.definition"):
            content = content_of(definition)
        if not isinstance(content, ModuleContent):
            raise refused("$.definition", "is that of a program")
        with scene.transaction() as writing:
            modules = writing.of(Module)
            found = next(iter(modules.list(filter={"name": name}, limit=1).items), None)
            if found is None:
                return modules.adopt(name=name, definition=content.to_map())
            if found.content_hash == content.unlearned.content_hash and content.state is None:
                return found
            return modules.redefine(found.id, definition=content.to_map())

    @internal
    @create
    def adopt(scene: Scene, *, name: str, definition: dict[str, JsonValue]) -> Values:
        """Make a module of a definition that is complete."""
        with refusing("$.definition"):
            return {"name": name, **_values_of(ModuleContent.from_map(definition))}

    @internal
    @update
    def redefine(scene: Scene, record: Module, *, definition: dict[str, JsonValue]) -> Values:
        """Give the module another definition, and what belongs to it as its state."""
        with refusing("$.definition"):
            content = ModuleContent.from_map(definition)
        same = content.unlearned.content_hash == record.content_hash
        return {**_values_of(content), "signature_id": record.signature_id if same else None}

    @update
    def update(
        scene: Scene,
        record: Module,
        *,
        config: dict[str, JsonValue] | None = None,
        signature: str | dict[str, JsonValue] | None = None,
    ) -> Values:
        """Change its configuration or its signature; with another signature it has learned nothing yet."""
        before = ModuleContent.from_map(record.definition)
        with refusing("$"):
            asked = before.signature if signature is None else signature_of(signature, "$.signature")
            after = ModuleContent(
                before.type,
                signature=asked,
                config=before.config if config is None else config,
                tools=before.tools,
                inner=before.inner,
                reward=before.reward,
                class_path=before.class_path,
                state=record.content().state if asked == before.signature else None,
            )
            kept = record.signature_id if asked == before.signature else None
            return {**_values_of(after), "signature_id": kept}

    @internal
    @update
    def learn(scene: Scene, record: Module, *, state: dict[str, JsonValue] | None) -> Values:
        """Keep what it has learned: DSPy's own state of its predictors; None: nothing any more."""
        from dspash.resources.predictor import keep_leaves

        with refusing("$.state"):
            leaves = leaves_of(state)
        keep_leaves(scene, leaves, module_id=record.id)
        return {"state": state}

    @internal
    @update
    def edit(scene: Scene, record: Module, *, leaf: dict[str, JsonValue]) -> Values:
        """Have one predictor (`name`) use other `instructions` and `demos`."""
        with refusing("$.leaf"):
            return {"state": json_of(with_leaf(record.content().state or {}, edited_leaf(leaf)))}

    @generic
    def forward(
        scene: Scene, record: Module, *, inputs: dict[str, JsonValue], timeout_s: float | None = None
    ) -> Prediction:
        """Run it once. `inputs` has exactly its signature's input fields."""
        with refusing("$.inputs"):
            given = wire_of(inputs)
        return runtime_of(scene).execute(module_definition(record), given, timeout_s=timeout_s)

    @generic
    def get_demos(scene: Scene, record: Module) -> dict[str, list[dict[str, JsonValue]]]:
        """The demonstrations of each of its predictors, by the predictor's name."""
        return {leaf.name: json_of(leaf.demos) for leaf in leaves_of(_state(scene, record))}

    @generic
    def set_demos(
        scene: Scene, record: Module, *, demos: list[dict[str, JsonValue]], predictor: str | None = None
    ) -> Module:
        """Give a predictor these demonstrations; `predictor` says which, where the module has several."""
        state = _state(scene, record)
        names = [leaf.name for leaf in leaves_of(state)]
        name = names[0] if predictor is None and len(names) == 1 else predictor
        if name is None:
            raise refused("$.predictor", f"say which: {', '.join(names) or 'there is none'}")
        with refusing("$.predictor"):
            leaf = next((leaf for leaf in leaves_of(state) if leaf.name == name), Leaf(name, "", ()))
            changed = json_of(with_leaf(state, Leaf(name, leaf.instructions, tuple(demos))))
        return scene.of(Module).learn(record, state=changed)

    def content(self) -> ModuleContent:
        """All that it is, as a value."""
        learned = None if self.state is None else wire_of(self.state)
        return ModuleContent.from_map(self.definition).with_state(learned)


def module_definition(record: Module) -> Definition:
    """The module, for workers to build."""
    return Definition(record.name, record.content())


def _state(scene: Scene, record: Module) -> dict[str, Any]:
    return dict(
        runtime_of(scene).inspect(module_definition(record)) if record.state is None else record.state
    )


def _values_of(content: ModuleContent) -> dict[str, Any]:
    unlearned = content.unlearned
    signature = content.signature
    return {
        "type": content.type,
        "signature_text": "" if signature is None else signature_text(read_signature(signature)),
        "config": unlearned.to_map().get("config", {}),
        "definition": unlearned.to_map(),
        "state": content.to_map().get("state"),
        "content_hash": unlearned.content_hash,
    }


def _map_of(signature: Signature) -> Mapping[str, Any]:
    """The signature as lists of fields."""
    return {
        "inputs": [field.model_dump() for field in signature.input_fields],
        "outputs": [field.model_dump() for field in signature.output_fields],
        "instructions": signature.docstring,
    }
