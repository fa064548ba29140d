"""Answering: the words that answer a question, set in the form that is wanted."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from dspash.gateway.offline.arithmetic import compute
from dspash.gateway.offline.draft import Draft
from dspash.gateway.offline.nearest import label_scores
from dspash.gateway.offline.passage import split_sentences
from dspash.gateway.offline.reader import Answer
from dspash.gateway.offline.task import Field

__all__ = ["answer_in_words", "short_answer"]

_ATTEMPT: Final = re.compile(r"my prediction is ([^\n»]{1,500})»")
_WRAPPING: Final = ' "“”,'
_UNKNOWN: Final = "unknown"
_FEW_LABELS: Final = 12
_LONGEST_SENTENCE: Final = 40
_CLAUSE_END: Final = re.compile(r"[;:]\s|,\s+(?:which|who|whose|where|while|although|but|and)\s")


def answer_in_words(draft: Draft, field: Field) -> str:
    """Answer from the passages; else by arithmetic; else as the nearest example did; else say what is missing."""
    label = _by_vote(draft) or _as_a_label(draft, field)
    if label is not None:
        return label
    if draft.material.question:
        computed = compute(draft.material.question)
        if computed is not None:
            return computed
        if draft.reading.answers:
            return _set(draft, draft.reading.answers[0])
        return _without_passages(draft, field)
    known = _known_answer(draft, field)
    if known is not None:
        return known
    if draft.form.bare and draft.form.examples:
        return short_answer(draft, field.name)
    sentences = split_sentences(draft.input_text)
    return sentences[0] if sentences else _UNKNOWN


def short_answer(draft: Draft, name: str) -> str:
    """The best span for a field, without a sentence around it: what stands inside lists and records."""
    answers = draft.reading_for(name).answers
    return answers[0].text.strip(_WRAPPING) if answers else _UNKNOWN


def _by_vote(draft: Draft) -> str | None:
    """The answer that most attempts among the inputs predicted, as MultiChainComparison sets them; the first of equals."""
    votes = Counter(
        match[1].strip() for text in draft.prompt.inputs.values() for match in _ATTEMPT.finditer(text)
    )
    return votes.most_common(1)[0][0] if votes else None


def _as_a_label(draft: Draft, field: Field) -> str | None:
    """When the examples' values repeat and are not taken from the inputs, they are labels: the nearest one is given."""
    shown = [demo for demo, _ in draft.prompt.demo_values(field.name)]
    examples = [(demo.input_text, demo.output_text(field.name)) for demo in shown]
    labels = tuple(dict.fromkeys(label for _, label in examples))
    if len(examples) < 3 or not 1 < len(labels) <= min(_FEW_LABELS, len(examples) * 2 // 3):
        return None
    if any(label.lower() in text.lower() for text, label in examples):
        return None
    scores = label_scores(draft.input_text, tuple(examples), labels)
    return labels[scores.index(max(scores))]


def _set(draft: Draft, answer: Answer) -> str:
    """The answer as a bare phrase, or as the sentence it stands in."""
    form = draft.form
    if answer.is_verdict:
        return _verdict(draft, answer)
    if form.bare:
        return answer.text.strip(_WRAPPING)
    sentence = answer.sentence.text if answer.sentence else answer.text
    name = answer.passage.name if answer.passage else ""
    if name and answer.text not in sentence:
        sentence = f"{name}: {sentence}"
    return _shortened(
        sentence, answer.text, int(max(form.words * 1.5, 12)) if form.examples else _LONGEST_SENTENCE
    )


def _verdict(draft: Draft, answer: Answer) -> str:
    if answer.text not in {"yes", "no"}:
        return answer.text
    return answer.text if draft.form.lower_verdicts else answer.text.capitalize()


def _shortened(sentence: str, kept: str, most_words: int) -> str:
    """The sentence, cut at the end of a clause when it is longer than wanted; never before what it is about."""
    if len(sentence.split()) <= most_words:
        return sentence
    start = max(sentence.find(kept), 0) + len(kept)
    end = _CLAUSE_END.search(sentence, start)
    return sentence[: end.start()].rstrip(" ,;:") + "." if end else sentence


def _known_answer(draft: Draft, field: Field) -> str | None:
    """The answer of an example with the very same inputs."""
    text = draft.input_text.strip()
    for demo, _ in draft.prompt.demo_values(field.name):
        if demo.input_text.strip() == text:
            return demo.output_text(field.name)
    return None


def _without_passages(draft: Draft, field: Field) -> str:
    """A question and nothing to read: what an example answered to it, else a name it holds, else a plain statement."""
    known = _known_answer(draft, field)
    if known is not None:
        return known
    if draft.form.bare:
        names = draft.reading.question.names
        return names[-1] if names else _UNKNOWN
    return f"There is no passage here to answer “{draft.material.question.strip()}” from."
