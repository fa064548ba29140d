"""Form: how an answer is set — a bare phrase or a sentence — as the examples and the instructions show it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from dspash.gateway.offline.asked import Asked
from dspash.gateway.offline.question import read_question
from dspash.gateway.offline.span import Kind, find_spans
from dspash.gateway.offline.tokens import read_words

__all__ = ["Form", "kind_of", "learn_form"]

_BREVITY: Final = re.compile(
    r"\b(?:short|brief|concise|succinct|terse|few words|\w{1,20} words? (?:or (?:less|fewer)|at most)|single word|"
    r"one word|one or two words|phrase|factoid|span|name only|no explanation|without explanation)\b",
    re.IGNORECASE,
)
_LONGEST: Final = 200
_BARE_WORDS: Final = 7
"""An example's answer of at most this many words, without a full stop, is a bare phrase."""


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """How to set an answer.

    `words` is the usual number of words; `kinds` counts, for each kind of question, the kinds of span that answered
    it; `places_joined` is the share of place names given as "City, Region".
    """

    bare: bool
    words: float
    lower_verdicts: bool = False
    places_joined: float = 0.5
    kinds: dict[Asked, Counter[Kind]] = field(default_factory=dict[Asked, Counter[Kind]])
    examples: int = 0


def learn_form(pairs: Sequence[tuple[str, str]], advice: str) -> Form:
    """Learn from (question, answer) pairs; without any, `advice` (instructions, description) may ask for brevity.

    Without either the form is a sentence: nobody has said yet that less is wanted.
    """
    answers = [answer.strip() for _, answer in pairs if answer.strip()]
    if not answers:
        bare = _BREVITY.search(advice) is not None
        return Form(bare=bare, words=3.0 if bare else 20.0)
    lengths = sorted(len(answer.split()) for answer in answers)
    stopped = sum(answer.endswith((".", "!")) for answer in answers) * 2 > len(answers)
    median = lengths[len(lengths) // 2]
    verdicts = [answer for answer in answers if answer.lower() in {"yes", "no"}]
    return Form(
        bare=median <= _BARE_WORDS and not (stopped and median > 3),
        words=float(median),
        lower_verdicts=bool(verdicts) and all(answer.islower() for answer in verdicts),
        places_joined=_places_joined(pairs),
        kinds=_kinds(pairs),
        examples=len(answers),
    )


def _places_joined(pairs: Sequence[tuple[str, str]]) -> float:
    places = [answer for question, answer in pairs if read_question(question).asked is Asked.PLACE]
    joined = sum(", " in place for place in places)
    return (1 + joined) / (2 + len(places))


def _kinds(pairs: Sequence[tuple[str, str]]) -> dict[Asked, Counter[Kind]]:
    found: dict[Asked, Counter[Kind]] = {}
    for question, answer in pairs:
        asked = read_question(question).asked
        found.setdefault(asked, Counter())[kind_of(answer)] += 1
    return found


def kind_of(answer: str) -> Kind:
    """The kind of span that an answer is, by what it looks like."""
    bare = answer[:_LONGEST].strip().strip('"“”').rstrip(".")
    whole = next(
        (span for span in find_spans(bare) if span.first == 0 and span.last == len(read_words(bare))), None
    )
    if whole is not None:
        return whole.kind
    if bare[:1].isdigit():
        return Kind.NUMBER
    return Kind.NAME if bare[:1].isupper() else Kind.PHRASE
