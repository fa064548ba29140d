"""Program: a DSPy program by name: its versions, the live one among them, and what can be done with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue

from dspash.prediction import Prediction
from dspash.resources import evaluation, optimization_run
from dspash.resources.content import (
    ProgramContent,
    ProgramFolder,
    ProgramForm,
    classes_in,
    edited_leaf,
    json_of,
    leaves_of,
    read_folder,
    wire_of,
    with_leaf,
    write_folder,
)
from dspash.resources.examples import ExampleSource
from dspash.resources.kernel import (
    Action,
    ActionKind,
    Attribute,
    HasMany,
    Resource,
    Scene,
    StateMachine,
    Values,
    create,
    destroy,
    generic,
    internal,
    update,
)
from dspash.resources.module import Module
from dspash.resources.predictor import keep_leaves
from dspash.resources.program_values import new_program, next_version
from dspash.resources.program_version import Origin
from dspash.resources.refusal import refused, refusing
from dspash.resources.runtime import runtime_of
from dspash.resources.version_diff import compare_versions
from dspash.resources.versioning import definition_of, forget_versions, number_of, version_of

__all__ = ["Program"]


def _import_folder(
    scene: Scene, *, folder: str, name: str | None = None, classes: list[str] | None = None
) -> Program:
    """Read a program from a folder of plain files: a new version, unless there is one that is the same.

    What the folder says is not trusted: it runs in the sandbox that the app gives to programs, and may name only those
    importable classes that `classes` allows.
    """
    with refusing("$.folder"):
        read = read_folder(Path(folder))
    named = sorted(classes_in(read.content) - set(classes or ()))
    if named:
        raise refused("$.classes", f"the folder names {', '.join(named)}; allow what you trust")
    return scene.of(Program).define(
        name=name or read.name,
        content=read.content.to_map(),
        origin="imported",
        description=read.description,
    )


class Program(Resource, table="programs"):
    """A DSPy program: modules and what is done with them.

    What it says of its text, modules and state is that of its newest version. The live version is the one that was
    promoted last; by its name alone a program runs as that one, or as the newest while none was promoted.
    """

    name: Annotated[str, Attribute("How people refer to it.", unique=True, max_length=200)]
    description: Annotated[str, Attribute("What it is for.")] = ""
    status: Annotated[str, Attribute("Where it stands.", indexed=True, max_length=20)]
    form: Annotated[
        ProgramForm,
        Attribute("How its text is to be read: a class, a snippet, or the path of a class.", max_length=20),
    ]
    source: Annotated[str | None, Attribute("The text of its `dspy.Module` class.")] = None
    forward_fn: Annotated[
        str | None, Attribute("A snippet that sees `self` and the inputs, and sets `result`.")
    ] = None
    class_path: Annotated[str | None, Attribute("An importable class, `package.module:Class`.")] = None
    modules: Annotated[
        list[dict[str, JsonValue]], Attribute("What it is made of: the attribute, and the module there.")
    ] = Field(default_factory=list[dict[str, JsonValue]])
    config: Annotated[dict[str, JsonValue], Attribute("What its class is given.")] = Field(
        default_factory=dict[str, JsonValue]
    )
    tools: Annotated[list[str], Attribute("The host functions that it may call, by name.")] = Field(
        default_factory=list[str]
    )
    sandbox: Annotated[
        dict[str, JsonValue],
        Attribute("How its calls are isolated, where that is not as in its app: tier, limits, models …"),
    ] = Field(default_factory=dict[str, JsonValue])
    compiled_state: Annotated[
        dict[str, JsonValue] | None,
        Attribute("What it has learned: DSPy's own state of its predictors.", max_length=64_000_000),
    ] = None
    metrics: Annotated[dict[str, JsonValue], Attribute("Figures of it, such as its training_score.")] = Field(
        default_factory=dict[str, JsonValue]
    )
    content_hash: Annotated[
        str, Attribute("The SHA-256 of its newest version's content.", indexed=True, max_length=64)
    ]
    latest_version: Annotated[int, Attribute("The number of its newest version.")] = 1
    live_version: Annotated[int | None, Attribute("The number of the version that is live.")] = None
    promotions: Annotated[
        list[int], Attribute("The versions that were promoted and not rolled back, the live one last.")
    ] = Field(default_factory=list[int])

    versions = HasMany("ProgramVersion", by="program_id")
    predictors = HasMany("Predictor", by="program_id")
    runs = HasMany("OptimizationRun", by="program_id")
    evaluations = HasMany("Evaluation", by="program_id")
    states = StateMachine(
        attribute="status",
        initial="draft",
        transitions={
            ("draft", "learn"): "compiled",
            ("draft", "promote"): "promoted",
            ("draft", "archive"): "archived",
            ("compiled", "learn"): "compiled",
            ("compiled", "promote"): "promoted",
            ("compiled", "archive"): "archived",
            ("promoted", "learn"): "promoted",
            ("promoted", "promote"): "promoted",
            ("promoted", "rollback"): "promoted",
            ("promoted", "archive"): "archived",
            ("archived", "restore"): "draft",
        },
    )

    @create
    def create(
        scene: Scene,
        *,
        name: str,
        description: str = "",
        source: str | None = None,
        forward_fn: str | None = None,
        cls: str | None = None,
        class_name: str | None = None,
        modules: dict[str, str] | None = None,
        config: dict[str, JsonValue] | None = None,
        sandbox: dict[str, JsonValue] | None = None,
    ) -> Values:
        """Make a program in one of three forms, and its first version.

        `source` is the text of a `dspy.Module` class, `class_name` says which if there are several; `forward_fn` a snippet
        that sees `self` and the inputs, and sets `result`; `cls` an importable `package.module:Class`. `modules` maps
        attributes of `self` to the names of modules: each is taken as it is now. `config` goes to the class.
        """
        forms = {ProgramForm.SOURCE: source, ProgramForm.FORWARD_FN: forward_fn, ProgramForm.CLASS: cls}
        given = [(form, text) for form, text in forms.items() if text is not None]
        if len(given) != 1:
            raise refused("$.source", "give exactly one of source, forward_fn and cls")
        parts = {attribute: scene.of(Module).get(module) for attribute, module in (modules or {}).items()}
        content = ProgramContent(
            *given[0],
            class_name=class_name,
            config=config or {},
            modules=tuple((attribute, record.content()) for attribute, record in parts.items()),
        )
        return new_program(scene, name, content, "created", description=description, sandbox=sandbox or {})

    @internal
    @create
    def adopt(
        scene: Scene,
        *,
        name: str,
        content: dict[str, JsonValue],
        origin: Origin = "defined",
        description: str = "",
        sandbox: dict[str, JsonValue] | None = None,
    ) -> Values:
        """Make a program of a content that is complete."""
        with refusing("$.content"):
            read = ProgramContent.from_map(content)
        return new_program(scene, name, read, origin, description=description, sandbox=sandbox or {})

    @generic
    def define(
        scene: Scene,
        *,
        name: str,
        content: dict[str, JsonValue],
        origin: Origin = "defined",
        description: str | None = None,
        sandbox: dict[str, JsonValue] | None = None,
    ) -> Program:
        """Have a program of this name and content: a new version of it, unless there is one that is the same."""
        told = {"content": content, "origin": origin}
        changes = {"description": description, "sandbox": sandbox}
        changes = {key: value for key, value in changes.items() if value is not None}
        with scene.transaction() as writing:
            programs = writing.of(Program)
            found = next(iter(programs.list(filter={"name": name}, limit=1).items), None)
            if found is None:
                return programs.adopt(name=name, **told, **changes)
            changed = programs.update(found, **changes) if changes else found
            return programs.redefine(changed, **told)

    @internal
    @update
    def redefine(
        scene: Scene, record: Program, *, content: dict[str, JsonValue], origin: Origin = "defined"
    ) -> Values:
        """Make a version of this content, unless there is one that is the same."""
        with refusing("$.content"):
            read = ProgramContent.from_map(content)
            if number_of(scene, record, read.content_hash) is not None:
                return {}
            if record.status == "archived":
                raise refused("$.name", f"{record.name!r} is archived; restore it first")
            return next_version(scene, record, read, origin)

    @update
    def update(
        scene: Scene,
        record: Program,
        *,
        description: str | None = None,
        sandbox: dict[str, JsonValue] | None = None,
    ) -> Values:
        """Change what is said of it, or how its calls are isolated; its versions stay as they are."""
        given = {"description": description, "sandbox": sandbox}
        return {key: value for key, value in given.items() if value is not None}

    @internal
    @update
    def edit(scene: Scene, record: Program, *, leaf: dict[str, JsonValue]) -> Values:
        """Make a version in which one predictor (`name`) has other `instructions` and `demos`."""
        content = version_of(scene, record, record.latest_version).program_content()
        with refusing("$.leaf"):
            state = with_leaf(content.state or wire_of(record.compiled_state or {}), edited_leaf(leaf))
            return next_version(scene, record, content.with_state(state), "edited")

    @internal
    @update
    def learn(
        scene: Scene,
        record: Program,
        *,
        state: dict[str, JsonValue],
        version: int,
        score: float | None = None,
        run_id: UUID | None = None,
    ) -> Values:
        """Make a version of `version` that has learned `state`."""
        content = version_of(scene, record, version).program_content()
        with refusing("$.state"):
            keep_leaves(scene, leaves_of(state), program_id=record.id)
            learned = content.with_state(wire_of(state))
            values = next_version(
                scene, record, learned, "compiled", parent=version, run_id=run_id, score=score
            )
        return {**values, "metrics": {**record.metrics, "training_score": score}}

    @destroy
    def destroy(scene: Scene, record: Program) -> None:
        """Remove it, its versions, runs and evaluations."""
        forget_versions(scene, record.id)

    @update
    def promote(scene: Scene, record: Program, *, version: int | None = None) -> Values:
        """Make a version the live one: `version`, or the newest."""
        number = version_of(scene, record, version or record.latest_version).number
        before = record.promotions if record.promotions[-1:] != [number] else record.promotions[:-1]
        return {"live_version": number, "promotions": [*before, number]}

    @update
    def rollback(scene: Scene, record: Program) -> Values:
        """Make the version live that was live before."""
        if len(record.promotions) < 2:
            raise refused("$.id", f"{record.name!r} had no live version before this one", "promote a version")
        return {"live_version": record.promotions[-2], "promotions": record.promotions[:-1]}

    @update
    def archive(scene: Scene, record: Program) -> Values:
        """Put it away: it gets no new versions until it is restored."""
        return {}

    @update
    def restore(scene: Scene, record: Program) -> Values:
        """Take it out of the archive, as a draft; which version was live stays noted."""
        return {"live_version": None}

    @generic
    def inspect(scene: Scene, record: Program) -> list[dict[str, JsonValue]]:
        """Have a worker show its predictors, as its newest version has them, and list them."""
        state = runtime_of(scene).inspect(definition_of(scene, record, record.latest_version))
        with scene.transaction() as writing:
            keep_leaves(writing, leaves_of(state), program_id=record.id)
            writing.of(Program).note_state(record.id, state=json_of(state))
        return [
            {"name": leaf.name, "instructions": leaf.instructions, "demos": json_of(leaf.demos)}
            for leaf in leaves_of(state)
        ]

    @internal
    @update
    def note_state(scene: Scene, record: Program, *, state: dict[str, JsonValue]) -> Values:
        """Keep the state of its predictors as a worker has shown it."""
        return {"compiled_state": state}

    @generic
    def diff(
        scene: Scene, record: Program, *, before: int | None = None, after: int | None = None
    ) -> dict[str, JsonValue]:
        """What two versions differ in: source, instructions and demos of each predictor, settings.

        Without numbers: the newest, and the version that it was made of.
        """
        return compare_versions(scene, record, before, after)

    @generic
    def export(scene: Scene, record: Program, *, folder: str, version: int | None = None) -> list[str]:
        """Write a version, the newest unless said, into a folder of plain files, and return their paths there."""
        content = version_of(scene, record, version or record.latest_version).program_content()
        with refusing("$.folder"):
            return list(write_folder(Path(folder), ProgramFolder(record.name, record.description, content)))

    import_ = Action("import", ActionKind.GENERIC, _import_folder)

    @generic
    def execute(
        scene: Scene,
        record: Program,
        *,
        inputs: dict[str, JsonValue],
        version: int | None = None,
        timeout_s: float | None = None,
    ) -> Prediction:
        """Run it once: the live version, the newest while none is live, or `version`."""
        with refusing("$.inputs"):
            given = wire_of(inputs)
        return runtime_of(scene).execute(definition_of(scene, record, version), given, timeout_s=timeout_s)

    @generic
    def compile(
        scene: Scene,
        record: Program,
        *,
        trainset: ExampleSource,
        metric: JsonValue = "exact_match",
        optimizer: str = "bootstrap_fewshot",
        valset: ExampleSource | None = None,
        config: dict[str, JsonValue] | None = None,
        seed: int = 0,
        version: int | None = None,
    ) -> optimization_run.OptimizationRun:
        """Have an optimizer improve it, and keep what that makes as a new version.

        `optimizer` is one of DSPy's, or the name of an Optimizer; `trainset` a list of maps of inputs and expected outputs,
        or the name of a dataset (`hotpotqa/train`).
        It improves the newest version, or `version`. Returns the run, completed.
        """
        if record.status == "archived":
            raise refused("$.id", f"{record.name!r} is archived; restore it first")
        runs = scene.of(optimization_run.OptimizationRun)
        run = runs.create(
            program=record.name,
            version=version,
            optimizer=optimizer,
            trainset=trainset,
            valset=valset,
            metric=metric,
            config=config,
            seed=seed,
        )
        return runs.start(run.id)

    @generic
    def evaluate(
        scene: Scene,
        record: Program,
        *,
        devset: ExampleSource,
        metric: JsonValue = "exact_match",
        version: int | None = None,
    ) -> evaluation.Evaluation:
        """Run it on every example of `devset`, and keep how it did: the live version, or the newest, or `version`."""
        evaluations = scene.of(evaluation.Evaluation)
        made = evaluations.create(program=record.name, version=version, devset=devset, metric=metric)
        return evaluations.run(made.id)
