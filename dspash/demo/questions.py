"""Questions: the corpus and the multi-hop questions that come with the package."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Literal, TypeVar

from pydantic import BaseModel

from dspash.demo.baleen import baleen_task
from dspash.demo.datafile import read_json_lines
from dspash.demo.retrieval import Passage
from dspash.demo.task import Example, Task

__all__ = ["own_questions"]


class _Passage(BaseModel):
    title: str
    text: str


class _Question(BaseModel):
    question: str
    answer: str
    split: Literal["train", "dev"]


Item = TypeVar("Item", bound=BaseModel)


def own_questions() -> Task:
    """Return the task on the package's own corpus: it needs no data from elsewhere."""
    questions = _lines_of("questions.jsonl", _Question)

    def of_split(split: Literal["train", "dev"]) -> list[Example]:
        return [{"question": one.question, "answer": one.answer} for one in questions if one.split == split]

    return baleen_task(
        "multi-hop questions",
        [Passage(one.title, one.text) for one in _lines_of("corpus.jsonl", _Passage)],
        of_split("train"),
        of_split("dev"),
    )


def _lines_of(name: str, item: type[Item]) -> list[Item]:
    with as_file(files("dspash.demo").joinpath(name)) as path:
        return read_json_lines(path, item)
