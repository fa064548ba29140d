"""Explaining: one or two sentences that state the evidence an answer rests on."""

from __future__ import annotations

from typing import Final

from dspash.gateway.offline.draft import Draft
from dspash.gateway.offline.passage import split_sentences
from dspash.gateway.offline.shape import Choice, Flag, essence
from dspash.gateway.offline.task import Field

__all__ = ["explain"]

_LONGEST: Final = 300
"""Characters of a text that are quoted."""


def explain(draft: Draft, field: Field) -> str:
    """Say what was found and where; when nothing was read, what the choice was made by."""
    if draft.material.question and draft.material.passages and draft.reading.answers:
        return _by_evidence(draft)
    decided = [
        other for other in draft.prompt.task.outputs if isinstance(essence(other.shape), (Choice, Flag))
    ]
    if decided and decided[0].name in draft.written:
        shown = _cut(draft.input_text.replace("\n", " "))
        count = len(draft.prompt.demo_values(decided[0].name))
        by = f"the likeness to {count} examples" if count else "the words they share"
        return f"The input reads “{shown}”. By {by}, {decided[0].name} is {draft.written[decided[0].name]}."
    written = next(((name, value) for name, value in draft.written.items() if name != field.name), None)
    first = split_sentences(draft.input_text)[:1]
    given = f"The input says: “{_cut(first[0])}”." if first else "Nothing was given to go by."
    return f"{given} So {written[0]} follows from that alone." if written else given


def _by_evidence(draft: Draft) -> str:
    best = draft.reading.answers[0]
    steps: list[str] = []
    if best.partner is not None and best.partner is not best.sentence:
        steps.append(f"The context says: “{_cut(best.partner.text)}”")
    if best.sentence is not None:
        opening = "It also says" if steps else "The context says"
        steps.append(f"{opening}: “{_cut(best.sentence.text)}”")
    steps.append(f"This points to {best.text}.")
    return " ".join(steps)


def _cut(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _LONGEST else text[:_LONGEST].rsplit(" ", 1)[0] + " …"
