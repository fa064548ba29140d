"""A folder's files say their splits by their names, as on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from dspash.datasets import files_of, read_files
from dspash.datasets.folder import split_in
from dspash.errors import InvalidInputError


def put(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"n\n{number}\n" if name.endswith("csv") else f'{{"n": "{number}"}}\n')


def test_every_file_is_read_into_the_split_that_its_name_says(tmp_path: Path) -> None:
    put(
        tmp_path,
        "data/train-00000-of-00002.jsonl",
        "data/train-00001-of-00002.jsonl",
        "validation/part.csv",
        "my_test.csv",
    )
    put(tmp_path, "README.md", ".hidden/train.jsonl", "data/.train.jsonl", "dataset_infos.json")
    found = [(Path(row.file).name, row.split, row.row.fields["n"]) for row in read_files(files_of(tmp_path))]
    assert found == [
        ("train-00000-of-00002.jsonl", "train", "0"),
        ("train-00001-of-00002.jsonl", "train", "1"),
        ("my_test.csv", "test", "3"),
        ("part.csv", "dev", "2"),
    ]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.jsonl", "train"),
        ("TRAINING_set.csv", "train"),
        ("val-01.json", "dev"),
        ("dev.json", "dev"),
        ("eval.json", "test"),
        ("trains.json", None),
        ("contest.json", None),
        ("questions.json", None),
    ],
)
def test_a_split_is_a_word_of_the_name(name: str, split: str | None) -> None:
    assert split_in(name) == split


def test_files_that_say_no_split_are_in_none_unless_others_say_one(tmp_path: Path) -> None:
    put(tmp_path, "a.jsonl", "b.jsonl")
    assert [row.split for row in read_files(files_of(tmp_path))] == [None, None]
    put(tmp_path, "train.jsonl")
    with pytest.raises(InvalidInputError, match=r"a\.jsonl: its name says no split"):
        list(read_files(files_of(tmp_path)))


def test_a_folder_without_files_of_examples_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "notes.txt")
    with pytest.raises(InvalidInputError, match="the folder has no files of examples"):
        list(read_files(files_of(tmp_path)))


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "set/train.jsonl")
    (tmp_path / "set" / "again").symlink_to(tmp_path / "set", target_is_directory=True)
    assert len(list(read_files(files_of(tmp_path / "set")))) == 1
