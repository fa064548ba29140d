"""The demo's corpus and questions: every question needs two passages, and its answer stands in the second."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from importlib.resources import files
from typing import Annotated, Final, Literal, NamedTuple

import pytest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# One line of clean text: nothing to trim, nothing invisible, spaces single.
Line = Annotated[str, StringConstraints(pattern=r"^\S+( \S+)*$")]

Kind = Literal["bridge", "comparison"]
Split = Literal["train", "dev"]
SPLITS: Final[tuple[Split, ...]] = ("train", "dev")


class Passage(BaseModel):
    """One line of corpus.jsonl; other keys are an error."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    title: Line
    text: Line


class Question(BaseModel):
    """One line of questions.jsonl; other keys are an error. The first supporting passage leads to the second."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    id: Line
    question: Line
    answer: Line
    type: Kind
    supporting_titles: Annotated[list[Line], Field(min_length=2, max_length=2)]
    split: Split


class Corpus(NamedTuple):
    """Both files, parsed."""

    passages: list[Passage]
    questions: list[Question]

    def text(self, title: str) -> str:
        return next(passage.text for passage in self.passages if passage.title == title)

    def questions_of(self, kind: Kind) -> list[Question]:
        return [question for question in self.questions if question.type == kind]


def _lines(name: str) -> list[str]:
    return files("dspash").joinpath("demo", name).read_text(encoding="utf-8").splitlines()


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _mentions(text: str, phrase: str) -> bool:
    """Whether `phrase` occurs in `text` letter by letter, as whole words."""
    return re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text) is not None


def _name(title: str) -> str:
    """Return the title as running text names it, "Titan" for "Titan (moon)"."""
    return re.sub(r" \([^)]*\)$", "", title)


def _repeated(values: Iterable[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus(
        passages=[Passage.model_validate_json(line) for line in _lines("corpus.jsonl")],
        questions=[Question.model_validate_json(line) for line in _lines("questions.jsonl")],
    )


def test_the_files_are_as_large_as_the_demo_promises(corpus: Corpus) -> None:
    assert len(corpus.passages) >= 150
    assert len(corpus.questions) >= 80


def test_letters_are_composed_so_that_equal_words_compare_equal() -> None:
    lines = _lines("corpus.jsonl") + _lines("questions.jsonl")

    assert [line for line in lines if not unicodedata.is_normalized("NFC", line)] == []


def test_titles_and_texts_of_passages_are_unique(corpus: Corpus) -> None:
    assert _repeated(passage.title.casefold() for passage in corpus.passages) == []
    assert _repeated(" ".join(_words(passage.text)) for passage in corpus.passages) == []


def test_ids_and_wordings_of_questions_are_unique(corpus: Corpus) -> None:
    assert _repeated(question.id for question in corpus.questions) == []
    assert _repeated(" ".join(_words(question.question)) for question in corpus.questions) == []


def test_passages_are_short_prose_about_their_title(corpus: Corpus) -> None:
    def is_short_prose(passage: Passage) -> bool:
        opening, words = passage.text[:80].casefold(), len(passage.text.split())
        return (
            20 <= words <= 110 and passage.text.endswith(".") and _name(passage.title).casefold() in opening
        )

    assert [passage.title for passage in corpus.passages if not is_short_prose(passage)] == []


def test_supporting_titles_are_two_different_passages(corpus: Corpus) -> None:
    titles = {passage.title for passage in corpus.passages}

    def is_supported(question: Question) -> bool:
        first, second = question.supporting_titles
        return first != second and {first, second} <= titles

    assert [question.id for question in corpus.questions if not is_supported(question)] == []


def test_questions_end_as_questions_and_answers_are_short(corpus: Corpus) -> None:
    def is_well_formed(question: Question) -> bool:
        return question.question.endswith("?") and 1 <= len(question.answer.split()) <= 5

    assert [question.id for question in corpus.questions if not is_well_formed(question)] == []


class Bridge(NamedTuple):
    """A bridge question with the passages it crosses: `first` names `target`, which is what `second` is about."""

    question: Question
    first: str
    second: str
    target: str


BRIDGE_RULES: Final[dict[str, Callable[[Bridge], bool]]] = {
    "the second passage has the answer": lambda it: _mentions(it.second, it.question.answer),
    "the first passage lacks the answer": lambda it: it.question.answer.casefold() not in it.first.casefold(),
    "the first passage leads to the second": lambda it: _mentions(it.first, it.target),
    "the question does not name the second passage": lambda it: (
        not _mentions(it.question.question.casefold(), it.target.casefold())
    ),
    "the question does not give its answer away": lambda it: (
        it.question.answer.casefold() not in it.question.question.casefold()
    ),
}


@pytest.mark.parametrize("rule", BRIDGE_RULES)
def test_bridge_questions_need_both_passages(corpus: Corpus, rule: str) -> None:
    bridges = [
        Bridge(question, corpus.text(first), corpus.text(second), _name(second))
        for question in corpus.questions_of("bridge")
        for first, second in [question.supporting_titles]
    ]

    assert [bridge.question.id for bridge in bridges if not BRIDGE_RULES[rule](bridge)] == []


def test_comparisons_name_both_candidates_and_answer_with_one_or_yes_or_no(corpus: Corpus) -> None:
    def is_comparison(question: Question) -> bool:
        candidates = [_name(title) for title in question.supporting_titles]
        wording = question.question.casefold()
        named = all(_mentions(wording, candidate.casefold()) for candidate in candidates)
        return named and question.answer in {"yes", "no", *candidates}

    assert [
        question.id for question in corpus.questions_of("comparison") if not is_comparison(question)
    ] == []


def test_no_fixed_answer_wins_the_comparisons(corpus: Corpus) -> None:
    comparisons = corpus.questions_of("comparison")
    verdicts = Counter(q.answer for q in comparisons if q.answer in {"yes", "no"})
    positions = Counter(
        [_name(title) for title in q.supporting_titles].index(q.answer)
        for q in comparisons
        if q.answer not in verdicts
    )

    assert abs(verdicts["yes"] - verdicts["no"]) <= 2
    assert abs(positions[0] - positions[1]) <= 2


def test_both_splits_are_large_enough_and_mixed_alike(corpus: Corpus) -> None:
    mix = Counter((question.split, question.type) for question in corpus.questions)
    size = {split: mix[split, "bridge"] + mix[split, "comparison"] for split in SPLITS}
    share = {split: mix[split, "comparison"] / size[split] for split in SPLITS}

    assert size["train"] >= 30
    assert size["dev"] >= 50
    assert all(0.1 <= share[split] <= 0.2 for split in SPLITS)
    assert abs(share["train"] - share["dev"]) <= 0.05


def test_years_and_other_numbers_are_asked_for_in_both_splits(corpus: Corpus) -> None:
    assert {question.split for question in corpus.questions if question.answer.isdecimal()} == set(SPLITS)


def test_the_eiffel_tower_is_asked_about(corpus: Corpus) -> None:
    assert any("Eiffel Tower" in question.supporting_titles for question in corpus.questions)
