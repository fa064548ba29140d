"""Folder: files of examples side by side, each naming its split, as on the Hugging Face Hub."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dspash.datasets.file_format import SUFFIXES, FileFormat, format_in, format_of
from dspash.datasets.refusal import unfit

__all__ = ["DataFile", "files_of", "split_in"]

MAX_FILES: Final = 10_000

_SPLITS: Final = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "validation", "valid", "val"), "dev"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
_WORD: Final = re.compile(r"[a-z]+")
_ABOUT: Final = frozenset({"dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json"})
"""Files about a data set that the Hub's library leaves beside it."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of examples, and the split that its name says."""

    path: Path
    name: str
    format: FileFormat
    split: str | None


def files_of(path: Path, file_format: FileFormat | None = None) -> list[DataFile]:
    """Return the files of a folder, in the order of their names, or the one file that `path` is.

    A file's split is a word of its path below the folder: `train.jsonl`, `data/validation-00000-of-00003.parquet`,
    `test/part1.csv`. Links to folders are not followed. Raises InvalidInputError for a folder without such files, and
    for a file whose name says nothing where others say a split.
    """
    if not path.is_dir():
        said = file_format or format_of(path)
        if said is None:
            raise unfit(str(path), f"its name says no format; name one, or end it in {', '.join(SUFFIXES)}")
        return [_data_file(path, said, split_in(path.name))]
    files = [
        _data_file(below, file_format or said, split_in(str(below.relative_to(path))))
        for below in _walked(path)
        if (said := format_of(below)) is not None
    ]
    if not files:
        raise unfit(
            str(path), f"the folder has no files of examples, whose names end in {', '.join(SUFFIXES)}"
        )
    unsaid = next((file for file in files if file.split is None), None)
    if unsaid is not None and any(file.split is not None for file in files):
        raise unfit(unsaid.name, "its name says no split (train, dev, test), where others beside it do")
    return files


def split_in(name: str) -> str | None:
    """Return the split that a file's name says; `validation` and its kin are `dev`, as DSPy calls that set."""
    return next((_SPLITS[word] for word in _WORD.findall(name.lower()) if word in _SPLITS), None)


def _data_file(path: Path, said: FileFormat, split: str | None) -> DataFile:
    name = str(path)
    return DataFile(path, name, format_in(path, said, name=name), split)


def _walked(folder: Path) -> list[Path]:
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(place, name) for name in names if not name.startswith(".") and name not in _ABOUT]
        if len(found) > MAX_FILES:
            raise unfit(str(folder), f"it has more than {MAX_FILES} files")
    return sorted(found)
