"""Reading: the answers a text offers to a question, best first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dspash.gateway.offline.asked import Asked
from dspash.gateway.offline.candidate import FEATURES, Candidate, find_candidates
from dspash.gateway.offline.evidence import Evidence, gather
from dspash.gateway.offline.form import Form
from dspash.gateway.offline.passage import Passage, Sentence, read_passage
from dspash.gateway.offline.question import Question, read_question
from dspash.gateway.offline.verdict import choose_option, decide

__all__ = ["WEIGHTS", "Answer", "Reading", "read"]

_WEIGHTS: Final = {
    "total": 6.1,
    "own": -2.0,
    "direct": 2.4,
    "kind": 4.2,
    "near": 2.9,
    "focus_near": 2.9,
    "asked_already": -1.5,
    "focus_inside": 2.7,
    "focus_described": 2.7,
    "conflict": -1.2,
    "is_link": -0.4,
    "lead": 1.2,
    "same_lead": 2.2,
    "person_like": 1.6,
    "job_like": 0.2,
    "led_by_demonym": -0.8,
}
WEIGHTS: Final = tuple([_WEIGHTS[name] for name in FEATURES])
"""What each feature of a candidate is worth, in the order of FEATURES.

Fitted once by softmax regression over the candidates of some 60 training questions, multi-hop ones, and rounded; of
held-out questions as many were answered first as of those.
"""

_KIND_VOTE: Final = 0.5
"""What the kinds of the examples' answers add at most to a candidate of the same kind."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One possible answer, with the score it was ranked by and the sentence it stands in."""

    text: str
    score: float
    sentence: Sentence | None
    passage: Passage | None
    partner: Sentence | None = None
    is_verdict: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A question read against its passages: answers best first, without repetitions, and the evidence behind them."""

    question: Question
    passages: tuple[Passage, ...]
    evidence: Evidence
    answers: tuple[Answer, ...]

    @property
    def confidence(self) -> float:
        """How far the best answer stands out, from 0 (nothing found) to 1."""
        if not self.answers:
            return 0.0
        best = self.answers[0]
        if best.is_verdict:
            return best.score
        weights = [math.exp(min(answer.score - best.score, 0.0)) for answer in self.answers[:8]]
        return 1.0 / sum(weights)


def read(
    question_text: str,
    passage_texts: Sequence[str],
    *,
    form: Form,
    noise: Callable[[], float] | None = None,
) -> Reading:
    """Read the passages for an answer. `noise`, added to each score, makes near-tied answers change places."""
    question = read_question(question_text)
    passages = tuple([read_passage(text) for text in passage_texts])
    evidence = gather(question, passages)
    answers = _verdicts(question, passages)
    if not answers:
        candidates = find_candidates(question, evidence, passages)
        answers = _ranked(question, candidates, form, noise)
    return Reading(question, passages, evidence, tuple(answers))


def _verdicts(question: Question, passages: Sequence[Passage]) -> list[Answer]:
    if question.asked is Asked.OPTION:
        verdict = choose_option(question, passages)
        other = next((option for option in question.options if option != verdict.text), "")
        texts = [verdict.text, other]
    elif question.asked is Asked.YES_NO:
        verdict = decide(question, passages)
        texts = [verdict.text, "no" if verdict.text == "yes" else "yes"]
    else:
        return []
    ground = verdict.grounds[0] if verdict.grounds else None
    partner = verdict.grounds[1] if len(verdict.grounds) > 1 else None
    sure = verdict.confidence
    return [
        Answer(text, score, ground, None, partner, is_verdict=True)
        for text, score in zip(texts, (sure, 1 - sure), strict=True)
    ]


def _ranked(
    question: Question,
    candidates: Sequence[Candidate],
    form: Form,
    noise: Callable[[], float] | None,
) -> list[Answer]:
    votes = form.kinds.get(question.asked)
    voters = sum(votes.values()) if votes else 0
    best: dict[str, tuple[float, Candidate]] = {}
    for candidate in candidates:
        score = sum([w * v for w, v in zip(WEIGHTS, candidate.values, strict=True)])
        if votes and voters:
            score += _KIND_VOTE * votes[candidate.kind] / voters
        if question.asked is Asked.PLACE and ", " in candidate.text:
            score += 2.0 * (form.places_joined - 0.5)
        key = candidate.text.lower()
        known = best.get(key)
        if known is None or score > known[0]:
            best[key] = (score, candidate)
    found = [
        Answer(
            text=candidate.text,
            score=score + (noise() if noise else 0.0),
            sentence=candidate.clue.sentence,
            passage=candidate.clue.passage,
            partner=candidate.clue.partner.sentence if candidate.clue.partner else None,
        )
        for score, candidate in best.values()
    ]
    found.sort(key=lambda answer: -answer.score)
    return found
