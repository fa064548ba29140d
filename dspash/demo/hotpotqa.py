"""HotPotQA: the data set's official JSON files, with all their paragraphs together as the corpus."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, Field, TypeAdapter

from dspash.demo.baleen import baleen_task
from dspash.demo.datafile import read_json
from dspash.demo.retrieval import Passage
from dspash.demo.task import Example, Task

__all__ = ["hotpotqa_questions"]


class _Question(BaseModel):
    question: str
    answer: str
    # (title, sentences) of ten paragraphs, two of which the answer needs
    context: Annotated[list[tuple[str, list[str]]], Field(min_length=1)]


_FILE: Final = TypeAdapter(list[_Question])


def hotpotqa_questions(folder: Path) -> Task:
    """Return the task on `train.json` and `dev.json` of `folder`.

    Which paragraphs belong to which question is not used: every question is searched for among all of them.
    Raises ConfigurationError naming the file and the place.
    """
    train, dev = (read_json(folder / name, _FILE) for name in ("train.json", "dev.json"))
    passages = _paragraphs([*train, *dev])
    return baleen_task(
        "HotPotQA", passages, _examples(train), _examples(dev), program="SimplifiedBaleen-HotPotQA"
    )


def _paragraphs(questions: Iterable[_Question]) -> list[Passage]:
    """Return every paragraph once, in the order of the files."""
    found = (
        Passage(title, " ".join("".join(sentences).split()))
        for question in questions
        for title, sentences in question.context
    )
    return list(dict.fromkeys(found))


def _examples(questions: Iterable[_Question]) -> list[Example]:
    return [{"question": one.question, "answer": one.answer} for one in questions]
