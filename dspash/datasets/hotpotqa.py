"""HotPotQA: the data set's official JSON files, as examples with their gold passages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, ValidationError

from dspash.datasets.json_array import read_json_array
from dspash.datasets.refusal import unfit
from dspash.datasets.row import Row
from dspash.datasets.source import Source

__all__ = ["INPUTS", "looks_like_hotpotqa", "read_hotpotqa"]

INPUTS: Final = ("question",)
"""What a program is asked with; all other fields are labels, or what judges it."""

_MARKS: Final = frozenset({"question", "context", "supporting_facts"})


class _Question(BaseModel):
    """One entry of the official files; those of the test set have no answer and no supporting facts."""

    id: Annotated[str, Field(alias="_id")] = ""
    question: str
    answer: str | None = None
    type: str | None = None
    level: str | None = None
    # (title, number of the sentence)
    supporting_facts: list[tuple[str, int]] = []
    # (title, sentences) of ten paragraphs, two of which the answer needs
    context: Annotated[list[tuple[str, list[str]]], Field(min_length=1)]


def looks_like_hotpotqa(fields: Mapping[str, Any]) -> bool:
    """Whether an item of a JSON list is one of HotPotQA's."""
    return fields.keys() >= _MARKS


def read_hotpotqa(source: Source) -> Iterator[Row]:
    """Yield `question`, `answer`, `passages` and `gold_passages` (each `title | text`), `gold_titles`, `type`, `level`, `id`.

    Raises InvalidInputError naming the line.
    """
    return (_read_question(row, source.name) for row in read_json_array(source))


def _read_question(row: Row, file: str) -> Row:
    """Return one entry as an example. Raises InvalidInputError naming line and path."""
    try:
        asked = _Question.model_validate(row.fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
        raise unfit(file, first["msg"], line=row.line, path=f"${path}") from None
    gold = dict.fromkeys(title for title, _ in asked.supporting_facts)
    passages = [
        (title, f"{title} | {' '.join(''.join(sentences).split())}") for title, sentences in asked.context
    ]
    told = {
        "question": asked.question,
        "answer": asked.answer,
        "passages": [passage for _, passage in passages],
        "gold_passages": [passage for title, passage in passages if title in gold],
        "gold_titles": list(gold),
        "type": asked.type,
        "level": asked.level,
        "id": asked.id or None,
    }
    return Row({name: value for name, value in told.items() if value is not None}, row.line)
