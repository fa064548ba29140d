"""DatasetFilling: examples on their way into a data set, some hundred a transaction; all of them, or none."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

from loguru import logger

from dspash.datasets import SplitPlan, SplitRow
from dspash.errors import DspashError, InvalidInputError, NotFoundError, Problem
from dspash.resources.dataset_rows import assign_splits
from dspash.resources.example import Example
from dspash.resources.kernel import Context, Resource, Scene, new_id
from dspash.resources.owner import Owner, has_lost_its_owner
from dspash.resources.refusal import refused

if TYPE_CHECKING:
    from dspash.resources.kernel import StoredScene

__all__ = ["content_hash_of_example", "discard_abandoned", "fill_dataset"]

ROWS_A_TRANSACTION: Final = 1000  # memory stays bounded, and other writers get their turn
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
MAX_CHARACTERS: Final = 4_000_000  # of an example's JSON: what the store keeps as one value


def fill_dataset(
    scene: Scene,
    resource: type[Resource],
    rows: Iterable[SplitRow],
    plan: SplitPlan | None,
    begun_with: Mapping[str, Any],
) -> Any:
    """Make a data set of `rows` and return it complete; when they are refused half-way, nothing of it stays.

    `begun_with` are the arguments of its action `begin`. While it is filled nobody reads it; one whose process dies is
    removed when the next one is made. Raises InvalidInputError naming file and line.
    """
    stored = cast("StoredScene", scene)  # actions are given no other
    datasets = scene.of(resource)
    discard_abandoned(stored, resource)
    begun: Any = datasets.begin(**begun_with)
    filling = _Filling(stored, resource, begun, plan)
    try:
        filling.write(rows)
        if not filling.total:
            raise refused("$.path", "there are no examples")
        splits = dict(filling.splits)
        if plan is not None and plan.by_count:
            with scene.transaction() as inner:
                splits = assign_splits(inner, begun.id, plan)
        return datasets.complete(
            begun.id, total=filling.total, splits=splits, content_hash=filling.content_hash
        )
    except BaseException:
        _discard(scene, resource, begun.id)
        raise


def discard_abandoned(scene: StoredScene, resource: type[Resource]) -> int:
    """Remove the data sets of any tenant whose process ended before they were complete; return how many."""
    from sqlalchemy import select

    table = scene.domain.table(scene.domain.declaration(resource))
    columns = (table.c.id, table.c.tenant_id, table.c.owner, table.c.seen_at)
    with scene.reading() as connection:
        filling = connection.execute(select(*columns).where(table.c.status == "filling")).all()
    abandoned = [
        row for row in filling if has_lost_its_owner(Owner.of(row.owner or {}), row.seen_at, scene.now())
    ]
    for row in abandoned:
        _discard(scene.acting_for(Context("dspash", row.tenant_id, str(new_id()))), resource, row.id)
    return len(abandoned)


def content_hash_of_example(fields: Mapping[str, Any], place: str = "$") -> str:
    """Return the SHA-256 of an example's fields. Raises InvalidInputError for what the store does not keep."""
    text = _ENCODER.encode(fields)
    if len(text) > MAX_CHARACTERS:
        raise refused(place, f"has {len(text):,} characters of JSON; {MAX_CHARACTERS:,} are the most")
    if "\\u0000" in text and _has_nul(fields):
        raise refused(place, "has a NUL character, which PostgreSQL does not keep")
    return hashlib.sha256(text.encode()).hexdigest()


class _Filling:
    """Writes the examples of one data set, and counts what it has written."""

    def __init__(
        self, scene: StoredScene, resource: type[Resource], dataset: Any, plan: SplitPlan | None
    ) -> None:
        self._scene = scene
        self._datasets = scene.domain.table(scene.domain.declaration(resource))
        self._examples = scene.domain.table(scene.domain.declaration(Example))
        self._dataset = dataset
        self._inputs: frozenset[str] = frozenset(dataset.input_fields)
        self._plan = plan
        self._digest = hashlib.sha256()
        self.total = 0
        self.splits: Counter[str] = Counter()

    @property
    def content_hash(self) -> str:
        """The SHA-256 of all examples, in their order."""
        return self._digest.hexdigest()

    def write(self, rows: Iterable[SplitRow]) -> None:
        """Write `rows`; what was written stays when a later one is refused."""
        from sqlalchemy import insert, update

        own = self._datasets.c.id == self._dataset.id
        found = iter(rows)
        while lot := list(itertools.islice(found, ROWS_A_TRANSACTION)):
            made = [self._row(row) for row in lot]
            with self._scene.transaction() as scene:
                # Past the record's actions: it is a sign of life, and no change that anybody made.
                alive = update(self._datasets).where(own).values(total=self.total, seen_at=scene.now())
                if scene.connection.execute(alive).rowcount != 1:
                    raise NotFoundError(
                        f"the data set {self._dataset.name!r} was removed while it was filled"
                    )
                scene.connection.execute(insert(self._examples), made)

    def _row(self, given: SplitRow) -> dict[str, Any]:
        fields = given.row.fields
        content = content_hash_of_example(fields, given.place())
        split = self._split_of(given, content)
        inputs, labels = self._told_apart(given)
        row = {
            "id": new_id(),
            "tenant_id": self._dataset.tenant_id,
            "created_at": self._dataset.created_at,
            "updated_at": self._dataset.created_at,
            "version": 1,
            "dataset_id": self._dataset.id,
            "position": self.total,
            "inputs": inputs,
            "labels": labels,
            "split": split,
            "content_hash": content,
        }
        self.total += 1
        self._digest.update(content.encode())
        if split is not None:
            self.splits[split] += 1
        return row

    def _told_apart(self, given: SplitRow) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Inputs and labels; where nothing says which fields are inputs, all are."""
        fields = given.row.fields
        if not self._inputs:
            return fields, {}
        if not fields.keys() >= self._inputs:
            missing = [name for name in self._dataset.input_fields if name not in fields]
            raise InvalidInputError.of([Problem(given.place(f"$.{name}"), "missing") for name in missing])
        inputs = {name: value for name, value in fields.items() if name in self._inputs}
        return inputs, {name: value for name, value in fields.items() if name not in self._inputs}

    def _split_of(self, given: SplitRow, content: str) -> str | None:
        if self._plan is None or self._plan.by_count:
            return given.split
        if given.split is not None:
            raise refused("$.sizes", f"{given.file} says its set by its name already")
        return self._plan.set_of(content)


def _discard(scene: Scene, resource: type[Resource], dataset_id: UUID) -> None:
    """Remove what was begun; what prevents that is logged, and seen to when the next one is made."""
    try:
        scene.of(resource).destroy(dataset_id)
    except DspashError as error:
        logger.warning("the unfinished data set {} was not removed: {}", dataset_id, error)


def _has_nul(value: Any) -> bool:
    match value:
        case str():
            return "\0" in value
        case dict():
            entries = cast("dict[str, Any]", value)
            return any(_has_nul(part) for entry in entries.items() for part in entry)
        case list() | tuple():
            return any(_has_nul(item) for item in cast("list[Any]", value))
        case _:
            return False
