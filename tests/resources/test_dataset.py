"""Data sets are made whole or not at all, are cut the same way everywhere, and give their examples in order."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dspash.datasets import FileReading
from dspash.errors import ConflictError, InvalidInputError, NotFoundError, TransitionError
from dspash.resources import DOMAIN
from dspash.resources.dataset import Dataset
from dspash.resources.dataset_filling import discard_abandoned
from dspash.resources.example import Example
from dspash.resources.kernel import Context, StoredScene
from dspash.store import Store

ANN = Context(actor="ann", tenant="north", request_id="request-1")
BOB = Context(actor="bob", tenant="south", request_id="request-2")


@pytest.fixture
def scene(store: Store) -> StoredScene:
    return StoredScene(ANN, domain=DOMAIN, store=store)


def read_in(scene: StoredScene, **arguments: Any) -> Dataset:
    return getattr(scene.of(Dataset), "import")(**arguments)


def lines(path: Path, count: int) -> Path:
    rows = (
        {"question": f"Question {number}?", "answer": f"Answer {number}", "k": number}
        for number in range(count)
    )
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_a_file_becomes_a_data_set(scene: StoredScene, tmp_path: Path) -> None:
    path = lines(tmp_path / "train.jsonl", 2500)
    made = read_in(scene, name="Questions", path=str(path), inputs=["question"], description="Made up.")
    assert (made.status, made.total, made.splits) == ("ready", 2500, {"train": 2500})
    assert (made.name, made.source, made.input_fields) == ("Questions", str(path), ["question"])
    rows = scene.of(Dataset).rows("Questions")
    assert rows == [json.loads(line) for line in path.read_text().splitlines()]
    first = scene.of(Example).list(filter={"dataset_id": str(made.id)}, limit=1).items[0]
    assert (first.inputs, first.labels) == ({"question": "Question 0?"}, {"answer": "Answer 0", "k": 0})
    assert (first.position, first.split) == (0, "train")


def test_equal_contents_have_equal_hashes_whatever_their_form(scene: StoredScene, tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", 5)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    (tmp_path / "b.json").write_text(json.dumps([dict(reversed(row.items())) for row in rows], indent=1))
    made = [read_in(scene, name=name, path=str(tmp_path / name)) for name in ("a.jsonl", "b.json")]
    made.append(scene.of(Dataset).create(name="c", examples=rows))
    assert len({one.content_hash for one in made}) == 1
    other = scene.of(Dataset).create(name="d", examples=rows[::-1])
    assert other.content_hash != made[0].content_hash


def test_hotpotqa_tells_its_input(scene: StoredScene, tmp_path: Path) -> None:
    entry = {
        "_id": "1",
        "question": "Who?",
        "answer": "Ada",
        "supporting_facts": [["Ada", 0]],
        "context": [["Ada", ["She."]]],
    }
    (tmp_path / "dev.json").write_text(json.dumps([entry]))
    made = read_in(scene, name="Hot", path=str(tmp_path))
    assert (made.input_fields, made.splits) == (["question"], {"dev": 1})


def test_of_a_file_that_cannot_be_read_to_its_end_nothing_is_kept(scene: StoredScene, tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", 2100)
    with path.open("a") as file:
        file.write('\n{"question": 7}\n')
    told: list[FileReading] = []
    with pytest.raises(
        InvalidInputError, match=r"a\.jsonl, line 2101, \$\.question: str is wanted"
    ) as refused:
        read_in(scene, name="Broken", path=str(path), types={"question": "str"}, on_progress=told.append)
    assert refused.value.path.startswith(str(path))
    assert scene.of(Dataset).count() == scene.of(Example).count() == 0
    path.write_text('{"question": "?"}')
    assert read_in(scene, name="Broken", path=str(path), on_progress=told.append).total == 1
    assert told == [FileReading(1, 17, 17)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_ends_an_import_from_outside_leaves_nothing(
    scene: StoredScene, tmp_path: Path, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dspash.datasets.reading.ROWS_BETWEEN", 1500)

    def stop(_told: FileReading) -> None:
        raise error

    with pytest.raises(error):
        read_in(scene, name="Stopped", path=str(lines(tmp_path / "a.jsonl", 3000)), on_progress=stop)
    assert scene.of(Dataset).count() == scene.of(Example).count() == 0


def test_missing_inputs_and_no_examples_are_refused(scene: StoredScene, tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", 3)
    with pytest.raises(InvalidInputError, match=r"line 1, \$\.qestion: missing"):
        read_in(scene, name="A", path=str(path), inputs=["qestion", "question"])
    path.write_text("\n")
    with pytest.raises(InvalidInputError, match="there are no examples"):
        read_in(scene, name="A", path=str(path))
    with pytest.raises(InvalidInputError, match=r"\$\.examples: has no examples"):
        scene.of(Dataset).create(name="A", examples=[])
    with pytest.raises(InvalidInputError, match=r"\$\.examples\[1\]: an object without fields"):
        scene.of(Dataset).create(name="A", examples=[{"a": 1}, {}])
    with pytest.raises(InvalidInputError, match="has a NUL character"):
        scene.of(Dataset).create(name="A", examples=[{"a": [{"b": "x\0"}]}])
    assert scene.of(Dataset).count() == 0
    written = scene.of(Dataset).create(name="A", examples=[{"a": "\\u0000"}])
    assert scene.of(Dataset).rows(written.id) == [{"a": "\\u0000"}]


def test_a_name_is_taken_once(scene: StoredScene) -> None:
    scene.of(Dataset).create(name="A", examples=[{"a": 1}])
    with pytest.raises(ConflictError):
        scene.of(Dataset).create(name="A", examples=[{"a": 2}])
    assert scene.of(Dataset).rows("A") == [{"a": 1}]


def test_sets_by_shares_are_drawn_on_the_way_in_as_they_are_later(scene: StoredScene, tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", 600)
    sizes = {"train": 0.5, "dev": 0.3}
    made = read_in(scene, name="A", path=str(path), sizes=sizes, seed=5)
    later = read_in(scene, name="B", path=str(path))
    assert later.splits == {}
    again = scene.of(Dataset).split("B", sizes=sizes, seed=5)
    assert again.splits == made.splits
    for name in sizes:
        assert scene.of(Dataset).rows("A", split=name) == scene.of(Dataset).rows("B", split=name)
        assert len(scene.of(Dataset).rows("A", split=name)) == made.splits[name]
    assert scene.of(Dataset).split("B", sizes=sizes, seed=6).splits != made.splits


def test_sets_by_count_are_exact_and_drawn_anew(
    scene: StoredScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dspash.resources.dataset_rows.ROWS_A_PAGE", 7)
    path = lines(tmp_path / "a.jsonl", 60)
    made = read_in(scene, name="A", path=str(path), sizes={"train": 20, "dev": 10})
    assert made.splits == {"train": 20, "dev": 10}
    dev = scene.of(Dataset).rows("A", split="dev")
    assert len(dev) == 10
    assert scene.of(Dataset).rows("A", split="dev", limit=9) == dev[:9]
    assert scene.of(Dataset).split("A", sizes={"test": 3}).splits == {"test": 3}
    in_sets = Counter(example.split for example in scene.of(Example).iterate())
    assert in_sets == {"test": 3, None: 57}
    with pytest.raises(InvalidInputError, match="61 examples are wanted, there are 60"):
        scene.of(Dataset).split("A", sizes={"test": 61})
    with pytest.raises(InvalidInputError, match="has no set 'dev'; it has test"):
        scene.of(Dataset).rows("A", split="dev")
    with pytest.raises(InvalidInputError, match=r"the shares add up to 1\.5"):
        scene.of(Dataset).split("A", sizes={"a": 0.75, "b": 0.75})


def test_files_that_say_their_sets_are_not_cut(scene: StoredScene, tmp_path: Path) -> None:
    path = lines(tmp_path / "train.jsonl", 3)
    with pytest.raises(
        InvalidInputError, match=r"\$\.sizes: .*train\.jsonl says its set by its name already"
    ):
        read_in(scene, name="A", path=str(path), sizes={"train": 0.5})


def test_examples_come_in_order_page_by_page(scene: StoredScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dspash.resources.dataset_rows.ROWS_A_PAGE", 4)
    monkeypatch.setattr("dspash.resources.dataset_filling.ROWS_A_TRANSACTION", 3)
    for name in ("A", "B"):
        scene.of(Dataset).create(name=name, examples=[{name: number} for number in range(13)])
    assert scene.of(Dataset).rows("B") == [{"B": number} for number in range(13)]
    assert scene.of(Dataset).rows("B", limit=5) == [{"B": number} for number in range(5)]
    with pytest.raises(InvalidInputError):
        scene.of(Dataset).rows("B", limit=0)


def test_a_data_set_goes_with_its_examples(scene: StoredScene) -> None:
    scene.of(Dataset).create(name="A", examples=[{"a": 1}])
    scene.of(Dataset).create(name="B", examples=[{"b": 1}])
    scene.of(Dataset).destroy("A")
    assert [example.inputs for example in scene.of(Example).iterate()] == [{"b": 1}]


def test_another_tenant_sees_nothing_of_it(scene: StoredScene) -> None:
    made = scene.of(Dataset).create(name="A", examples=[{"a": 1}])
    other = scene.acting_for(BOB)
    assert other.of(Dataset).count() == other.of(Example).count() == 0
    with pytest.raises(NotFoundError):
        other.of(Dataset).rows(made.id)
    assert other.of(Dataset).create(name="A", examples=[{"b": 1}]).total == 1


def test_one_that_is_being_filled_is_not_read(scene: StoredScene) -> None:
    begun = scene.of(Dataset).begin(name="A", input_fields=[])
    for action in ("rows", "split"):
        arguments: dict[str, Any] = {"sizes": {"a": 1}} if action == "split" else {}
        with pytest.raises(TransitionError, match="filling"):
            getattr(scene.of(Dataset), action)(begun.id, **arguments)


def test_one_whose_process_ended_is_removed_when_the_next_is_made(scene: StoredScene) -> None:
    other = scene.acting_for(BOB)
    for place in (scene, other):
        place.of(Dataset).begin(name="A", input_fields=[])
    assert discard_abandoned(scene, Dataset) == 0, "this process goes on"
    table = DOMAIN.table(DOMAIN.declaration(Dataset))
    with scene.store.transaction() as connection:
        gone = {"machine": "elsewhere", "pid": 1, "started": "1"}
        connection.execute(table.update().values(owner=gone, seen_at=None))
    made = scene.of(Dataset).create(name="A", examples=[{"a": 1}])
    assert made.total == 1
    assert other.of(Dataset).count() == 0


def test_one_that_is_removed_while_it_is_filled_ends_its_filling(scene: StoredScene, tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", 25_000)

    def remove(_told: FileReading) -> None:
        for dataset in scene.of(Dataset).list().items:
            scene.of(Dataset).destroy(dataset.id)

    with pytest.raises(NotFoundError, match="was removed while it was filled"):
        read_in(scene, name="A", path=str(path), on_progress=remove)
    assert scene.of(Example).count() == 0
