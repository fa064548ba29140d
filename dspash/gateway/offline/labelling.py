"""Labelling: which of the options of a field fits, by the examples, by a reading, or by the words they share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from dspash.gateway.offline.asked import Asked
from dspash.gateway.offline.draft import Draft
from dspash.gateway.offline.nearest import label_scores
from dspash.gateway.offline.question import read_question
from dspash.gateway.offline.shape import Scalar
from dspash.gateway.offline.task import Field
from dspash.gateway.offline.tokens import bag_of
from dspash.gateway.port import JsonValue

__all__ = ["choose_option", "decide_flag"]

_NEAR_TIE: Final = 0.05
_YES: Final = frozenset({"yes", "true", "supported", "supports", "entailment", "correct", "relevant"})
_NO: Final = frozenset(
    {"no", "false", "refuted", "refutes", "contradiction", "incorrect", "irrelevant", "not supported"}
)
_ENDED: Final = re.compile(r"\b(?:finish|finished|complete|completed|done|enough|stop)\b", re.IGNORECASE)
_MOSTLY: Final = 0.6
"""A claim most of whose words, by count, stand in the passages is taken to be supported."""


def choose_option(draft: Draft, field: Field, options: tuple[Scalar, ...]) -> Scalar:
    """One of the options, always. Text and names are compared as in `nearest`; near ties vary with the sampler."""
    labels = tuple([_spoken(option) for option in options])
    examples = _examples(draft, field, labels)
    if not examples:
        verdict = _verdict(draft)
        if verdict is not None:
            decided = _matching(labels, _YES if verdict else _NO)
            if decided is not None:
                return options[decided]
    scores = label_scores(draft.input_text, examples, labels)
    noise = draft.sampler.noise(_NEAR_TIE)
    if noise is not None:
        scores = [score + noise() for score in scores]
    return options[scores.index(max(scores))]


def decide_flag(draft: Draft, field: Field) -> bool:
    """True or false: as the nearest example, as a reading decides, or by whether the inputs bear the claim out."""
    examples = _examples(draft, field, ("true", "false"))
    if examples:
        scores = label_scores(draft.input_text, examples, ("true", "false"))
        return scores[0] > scores[1]
    if _ENDED.search(field.name):
        return bool(draft.material.passages)
    verdict = _verdict(draft)
    return verdict if verdict is not None else False


def _spoken(option: Scalar) -> str:
    return str(option).replace("_", " ")


def _examples(draft: Draft, field: Field, labels: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(inputs, label) of the examples whose value is one of the labels."""
    known = {label.lower(): label for label in labels}
    found: list[tuple[str, str]] = []
    for demo, value in draft.prompt.demo_values(field.name):
        label = known.get(_spoken_value(value).lower())
        if label is not None:
            found.append((demo.input_text, label))
    return tuple(found)


def _spoken_value(value: JsonValue) -> str:
    return str(value).replace("_", " ").strip()


def _verdict(draft: Draft) -> bool | None:
    """What a reading says when the question is a yes-or-no one, or a claim stands beside passages."""
    material = draft.material
    if not material.question:
        return None
    if read_question(material.question).asked is Asked.YES_NO:
        return draft.reading.answers[0].text == "yes"
    if not material.passages or material.question.rstrip().endswith("?"):
        return None
    wanted = bag_of(material.question)
    borne_out = [len(wanted & bag_of(passage)) for passage in material.passages]
    return bool(wanted) and max(borne_out) >= _MOSTLY * len(wanted)


def _matching(labels: Sequence[str], wanted: frozenset[str]) -> int | None:
    return next((i for i, label in enumerate(labels) if label.lower() in wanted), None)
