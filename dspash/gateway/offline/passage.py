"""A passage: its title and sentences, read once and remembered for the next question about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dspash.gateway.offline.asked import Asked, asked_by_noun
from dspash.gateway.offline.definition import defined_heads, tells_life_dates
from dspash.gateway.offline.tokens import bag_of, stem

__all__ = ["Passage", "Sentence", "read_passage", "split_sentences"]

_TITLE: Final = re.compile(r"^(?P<title>[^|\n]{1,120}?)\s+\|\s+(?P<body>\S.*)$", re.DOTALL)
_HEADED: Final = re.compile(r"^(?P<title>[A-Z0-9\"“][^\n.!?:]{0,80}):\s+(?P<body>\S.{40,})$", re.DOTALL)
_PARENTHESIS: Final = re.compile(r"\s*\([^)]*\)\s*$")
_BREAK: Final = re.compile(r"[.!?][\"”’')\]]*\s+(?=[\"“‘'(\[]?[A-Z0-9])|\n+")
# A full stop after one of these, or after a single capital ("J. R. Smith"), does not end a sentence; I, V and X are
# left out, since they number kings.
_ABBREVIATION: Final = re.compile(
    r"(?:\b(?:[A-HJ-UWYZ]|Mr|Mrs|Ms|Dr|Prof|Sr|Jr|St|Mt|Ft|No|Vol|vs|c|ca|e\.g|i\.e|U\.S|Inc|Ltd|Co|Gen|Col|Lt|Sgt|Capt|Rev|Hon|"
    r"Gov|Sen|Rep|Pres|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|op|cit|al|etc|approx|feat))\.[\"”’')\]]*$"
)
_LIFE: Final = frozenset({"birth", "death"})
_ABBREVIATED: Final = 12
"""Characters before a break that can hold an abbreviation."""

_LONGEST_SENTENCE: Final = 1200
"""Characters; a longer run of text without a full stop is cut, so that the work for one sentence is bounded."""

_LONGEST_REMEMBERED: Final = 6000
"""Characters; a longer passage is read each time, so that what is remembered stays within a few megabytes."""


@dataclass(frozen=True, slots=True, eq=False)
class Sentence:
    """One sentence; `bag` holds the stems of its content words, `position` counts from 0 in its passage."""

    text: str
    bag: frozenset[str]
    position: int


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """A text with a heading, if it had one ("Title | body"); `name` is the heading without a closing parenthesis.

    `heads` are the stems of the nouns for what the opening sentence says the subject is, `kinds` what kinds of thing
    those are.
    """

    title: str
    name: str
    title_bag: frozenset[str]
    heads: frozenset[str]
    kinds: frozenset[Asked]
    sentences: tuple[Sentence, ...]


def read_passage(text: str) -> Passage:
    """Read one passage; a repeated text of ordinary length is not read twice."""
    return _remembered(text) if len(text) <= _LONGEST_REMEMBERED else _read(text)


def split_sentences(text: str) -> list[str]:
    """Cut prose into sentences, at line ends too; abbreviations and initials do not end one."""
    sentences: list[str] = []
    start = 0
    for match in _BREAK.finditer(text):
        tail = text[max(start, match.start() - _ABBREVIATED) : match.end()].rstrip()
        if "\n" not in match.group() and _ABBREVIATION.search(tail):
            continue
        sentences.extend(_cut(text[start : match.end()].strip()))
        start = match.end()
    sentences.extend(_cut(text[start:].strip()))
    return [sentence for sentence in sentences if sentence]


def _cut(sentence: str) -> list[str]:
    """The sentence, in parts of bounded length, cut at blanks where there are any."""
    parts: list[str] = []
    while len(sentence) > _LONGEST_SENTENCE:
        at = sentence.rfind(" ", _LONGEST_SENTENCE // 2, _LONGEST_SENTENCE)
        at = at if at > 0 else _LONGEST_SENTENCE
        parts.append(sentence[:at])
        sentence = sentence[at:].lstrip()
    return [*parts, sentence]


def _read(text: str) -> Passage:
    headed = _TITLE.match(text) or _HEADED.match(text)
    title, body = (headed["title"].strip(), headed["body"]) if headed else ("", text)
    pieces = split_sentences(body)
    nouns = defined_heads(pieces[0]) if pieces else frozenset[str]()
    sentences = tuple([Sentence(piece, _bag(piece, at), at) for at, piece in enumerate(pieces)])
    return Passage(
        title=title,
        name=_PARENTHESIS.sub("", title).strip(' "“”'),
        title_bag=bag_of(title),
        heads=frozenset(map(stem, nouns)),
        kinds=_kinds(nouns, sentences),
        sentences=sentences,
    )


def _kinds(nouns: frozenset[str], sentences: tuple[Sentence, ...]) -> frozenset[Asked]:
    """The kinds of thing that the nouns name; whoever was born is a person."""
    kinds = frozenset([kind for kind in map(asked_by_noun, nouns) if kind is not None])
    born = bool(sentences) and "birth" in sentences[0].bag
    return kinds | {Asked.PERSON} if born and not kinds & {Asked.PLACE, Asked.TITLE} else kinds


def _bag(sentence: str, position: int) -> frozenset[str]:
    bag = bag_of(sentence)
    return bag | _LIFE if position == 0 and tells_life_dates(sentence) else bag


_remembered = lru_cache(maxsize=512)(_read)
