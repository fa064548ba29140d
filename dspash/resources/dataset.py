"""Dataset: examples under a name, to improve programs with and to judge them by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, JsonValue
from pydantic.json_schema import SkipJsonSchema

from dspash.datasets import (
    HOTPOTQA_INPUTS,
    FileFormat,
    FileReading,
    FormatName,
    Row,
    SplitPlan,
    SplitRow,
    check_fields,
    files_of,
    read_files,
)
from dspash.errors import TransitionError
from dspash.resources.dataset_filling import fill_dataset
from dspash.resources.dataset_rows import assign_splits, iterate_rows
from dspash.resources.examples import Examples, examples_of
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
    generic,
    internal,
    update,
)
from dspash.resources.owner import Owner
from dspash.resources.refusal import refused

__all__ = ["Dataset"]


def _import(
    scene: Scene,
    *,
    name: str,
    path: str,
    format: FormatName | None = None,
    inputs: list[str] | None = None,
    types: dict[str, str] | None = None,
    sizes: dict[str, int | float] | None = None,
    seed: int = 0,
    description: str = "",
    on_progress: SkipJsonSchema[Callable[[FileReading], None] | None] = None,
) -> Dataset:
    """Make a data set of a file or a folder of files: JSON Lines, JSON, HotPotQA's JSON, CSV, TSV or Parquet.

    The format is told by a file's name, its split by a word of the name: train, dev, validation, test. `inputs` are the
    fields that programs are asked with (HotPotQA's is the question; without them, all are); `types` those that fields
    have, as signatures write them; `sizes` are sets to draw, as shares (0.8) or counts (200). Memory stays bounded,
    and of a file that cannot be read to its end nothing is kept.
    """
    files = files_of(Path(path), None if format is None else FileFormat(format))
    if inputs is None and all(file.format is FileFormat.HOTPOTQA for file in files):
        inputs = list(HOTPOTQA_INPUTS)
    rows = read_files(files, types=types, on_reading=on_progress)
    plan = None if sizes is None else SplitPlan.of(sizes, seed=seed)
    begun = {"name": name, "description": description, "input_fields": inputs or [], "source": path}
    return fill_dataset(scene, Dataset, rows, plan, begun)


class Dataset(Resource, table="datasets"):
    """Examples under a name. It is read once it is complete, and its examples never change."""

    name: Annotated[str, Attribute("How people and runs refer to it.", unique=True, max_length=200)]
    description: Annotated[str, Attribute("What it is of.")] = ""
    input_fields: Annotated[
        list[str],
        Attribute("The fields that programs are asked with; empty where each program picks its own."),
    ] = Field(default_factory=list[str])
    source: Annotated[str, Attribute("The file or folder it was read from; empty for none.")] = ""
    status: Annotated[str, Attribute("Whether it is complete.", indexed=True, max_length=20)]
    total: Annotated[int, Attribute("How many examples it has.")] = 0
    splits: Annotated[
        dict[str, int], Attribute("How many of them are in each set; the others are in none.")
    ] = Field(default_factory=dict[str, int])
    content_hash: Annotated[
        str, Attribute("The SHA-256 of its examples, in their order.", indexed=True, max_length=64)
    ] = ""
    owner: Annotated[dict[str, JsonValue], Attribute("The process that fills it, or has filled it.")] = Field(
        default_factory=dict[str, JsonValue]
    )
    seen_at: Annotated[datetime | None, Attribute("Its owner's last sign of life.")] = None

    examples = HasMany("Example", by="dataset_id")
    states = StateMachine(
        attribute="status", initial="filling", transitions={("filling", "complete"): "ready"}
    )

    # --- making one ---

    @internal
    @create
    def begin(
        scene: Scene, *, name: str, description: str = "", input_fields: list[str], source: str = ""
    ) -> Values:
        """Take the name for a data set that this process fills next; `create` and `import` do all of it."""
        return {
            "name": name,
            "description": description,
            "input_fields": input_fields,
            "source": source,
            "owner": Owner.here().to_map(),
            "seen_at": scene.now(),
        }

    @internal
    @update
    def complete(
        scene: Scene, record: Dataset, *, total: int, splits: dict[str, int], content_hash: str
    ) -> Values:
        """It is filled, and may be read."""
        return {"total": total, "splits": splits, "content_hash": content_hash, "seen_at": scene.now()}

    @generic
    def create(
        scene: Scene,
        *,
        name: str,
        examples: Examples,
        inputs: list[str] | None = None,
        sizes: dict[str, int | float] | None = None,
        seed: int = 0,
        description: str = "",
    ) -> Dataset:
        """Make a data set of examples that are given: maps of inputs and expected outputs. See `import` for the rest."""
        plan = None if sizes is None else SplitPlan.of(sizes, seed=seed)
        rows = _rows_of(examples_of(examples, "$.examples"))
        begun = {"name": name, "description": description, "input_fields": inputs or []}
        return fill_dataset(scene, Dataset, rows, plan, begun)

    import_ = Action("import", ActionKind.GENERIC, _import)

    # --- changing and reading it ---

    @update
    def update(scene: Scene, record: Dataset, *, description: str) -> Values:
        """Describe it otherwise. What it holds stays as it is."""
        return {"description": description}

    @update
    def split(scene: Scene, record: Dataset, *, sizes: dict[str, int | float], seed: int = 0) -> Values:
        """Draw its sets anew, as shares (`{"train": 0.8, "dev": 0.2}`) or counts, from what examples say and the seed.

        The same examples and the same seed always give the same sets. By shares, equal examples are in the same set.
        """
        _require_ready(record, "split")
        return {"splits": assign_splits(scene, record.id, SplitPlan.of(sizes, seed=seed))}

    @generic
    def rows(
        scene: Scene,
        record: Dataset,
        *,
        split: str | None = None,
        limit: Annotated[int, Field(ge=1)] | None = None,
    ) -> list[dict[str, JsonValue]]:
        """Its examples, or those of one set, in order, as programs and metrics take them: inputs and labels in one map.

        Raises InvalidInputError for a set that it does not have.
        """
        _require_ready(record, "rows")
        if split is not None and split not in record.splits:
            known = ", ".join(record.splits) or "none"
            raise refused("$.split", f"{record.name} has no set {split!r:.60}; it has {known}")
        return list(iterate_rows(scene, record.id, split=split, limit=limit))


def _rows_of(examples: Iterable[dict[str, JsonValue]]) -> Iterator[SplitRow]:
    for index, fields in enumerate(examples):
        check_fields(fields, "$.examples", index)
        yield SplitRow(Row(fields, index), None, "$.examples")


def _require_ready(record: Dataset, action: str) -> None:
    if record.status != "ready":
        raise TransitionError(
            resource=f"Dataset {record.name}", state=record.status, action=action, fitting=["complete"]
        )
