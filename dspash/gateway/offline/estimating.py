"""Estimating: a number within its bounds — a confidence, a figure from the text, or what the examples suggest."""

from __future__ import annotations

import re
from typing import Final

from dspash.gateway.offline.arithmetic import compute
from dspash.gateway.offline.draft import Draft
from dspash.gateway.offline.nearest import label_scores
from dspash.gateway.offline.shape import Number
from dspash.gateway.offline.task import Field

__all__ = ["estimate", "parse_number"]

_CONFIDENT: Final = re.compile(r"confiden|certain|probab|likel|sure\b|trust", re.IGNORECASE)
_NUMERAL: Final = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?")
_IN_WORDS: Final = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
}


def estimate(draft: Draft, field: Field, shape: Number) -> int | float:
    """A number for the field; always one, and within the shape's bounds."""
    if _CONFIDENT.search(field.name) or _CONFIDENT.search(field.description):
        return _bounded(_confidence(draft, shape), shape)
    for found in (_by_reading(draft), _by_examples(draft, field), _in_inputs(draft, shape)):
        if found is not None:
            return _bounded(found, shape)
    return _bounded(_middle(shape), shape)


def parse_number(text: str) -> float | None:
    """The first number in a text, in digits or in words up to twenty."""
    match = _NUMERAL.search(text)
    if match is not None:
        return float(match.group().replace(",", ""))
    words = re.findall(r"[a-z]+", text.lower())
    return next((float(_IN_WORDS[word]) for word in words if word in _IN_WORDS), None)


def _confidence(draft: Draft, shape: Number) -> float:
    """How far the best answer stands out, on the scale the bounds suggest: 0 to 1 unless they go higher."""
    sure = round(draft.reading.confidence, 2) if draft.material.question else 0.5
    if shape.most is not None and shape.most > 1:
        least = shape.least or 0.0
        return least + sure * (shape.most - least)
    return sure * 100 if shape.whole else sure


def _by_reading(draft: Draft) -> float | None:
    if not draft.material.question:
        return None
    computed = compute(draft.material.question)
    if computed is not None:
        return float(computed)
    numbers = [parse_number(answer.text) for answer in draft.reading.answers[:12]]
    return next((number for number in numbers if number is not None), None)


def _by_examples(draft: Draft, field: Field) -> float | None:
    """The value of the example most like this call."""
    shown = [
        (demo, parse_number(demo.output_text(field.name))) for demo, _ in draft.prompt.demo_values(field.name)
    ]
    known = [(demo.input_text, value) for demo, value in shown if value is not None]
    if not known:
        return None
    labels = tuple(str(i) for i in range(len(known)))
    examples = tuple([(text, label) for (text, _), label in zip(known, labels, strict=True)])
    scores = label_scores(draft.input_text, examples, labels)
    return known[scores.index(max(scores))][1]


def _in_inputs(draft: Draft, shape: Number) -> float | None:
    if shape.least is not None or shape.most is not None:
        return None
    text = draft.input_text
    computed = compute(text)
    return float(computed) if computed is not None else parse_number(text)


def _middle(shape: Number) -> float:
    if shape.least is not None and shape.most is not None:
        return (shape.least + shape.most) / 2
    return shape.least if shape.least is not None else min(shape.most or 0.0, 0.0)


def _bounded(value: float, shape: Number) -> int | float:
    if shape.least is not None:
        value = max(value, shape.least)
    if shape.most is not None:
        value = min(value, shape.most)
    if not shape.whole:
        return value
    whole = round(value)
    if shape.most is not None and whole > shape.most:
        whole -= 1
    return whole + 1 if shape.least is not None and whole < shape.least else whole
