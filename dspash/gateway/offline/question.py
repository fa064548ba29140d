"""Questions: what kind of answer one wants, the noun it turns on, and which of its words say what is wanted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dspash.gateway.offline.alternatives import find_alternatives
from dspash.gateway.offline.asked import Asked, asked_by_noun
from dspash.gateway.offline.tokens import STOP_WORDS, Words, bag_of, read_words

__all__ = ["Question", "read_question"]

_AUXILIARIES: Final = frozenset(
    "is are was were do does did has have had can could will would shall should may might am".split()
)
_COPULAS: Final = frozenset({"is", "are", "was", "were"})
_WH: Final = frozenset("what which who whom whose where when how why".split())
_PREPOSITIONS: Final = frozenset(
    "in on at of by for from to with under during into through near after before about as".split()
)
_DETERMINERS: Final = frozenset("the a an his her its their this that".split())
_PHRASE_ENDS: Final = _AUXILIARIES | _PREPOSITIONS | _WH | {"that", "and", "or"}
_WRAPPERS: Final = frozenset({"name", "title", "type", "kind", "sort", "number", "call"})
"""Stems of nouns that are seen through: "the name of the king" asks for a king."""

_BY_WORD: Final = {
    "who": Asked.PERSON,
    "whom": Asked.PERSON,
    "whose": Asked.PERSON,
    "where": Asked.PLACE,
    "when": Asked.DATE,
}
_MEASURES: Final = frozenset("many much old long tall far high large big deep fast often".split())
_POSSESSIVES: Final = ("'s", "’s")
_FOCUS_WEIGHT: Final = 0.6
_LAST_VERB_WEIGHT: Final = 1.6
_LAST_VERB_CLOSENESS: Final = 0.8
_END: Final = 1000
_QUOTED: Final = re.compile(r"[\"“]([^\"“”]{2,80})[\"”]")
_NEVER_NAMES: Final = _WH | _AUXILIARIES | STOP_WORDS


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A question, read. Keys of `weights` and `closeness` are stems of its content words.

    `focus` are the stems of the noun phrase the question word goes with, its head last: ("movie", "festiv") for
    "which film festival"; `lead` is the preposition before that word; `options` the two things chosen between.
    `weights` say how much a word matters beyond its rarity, `closeness` how directly it belongs to the question
    word, from 1 beside it towards 0. `names` are the proper names and quoted titles in the text.
    """

    text: str
    words: Words
    asked: Asked
    focus: tuple[str, ...]
    lead: str
    options: tuple[str, ...]
    weights: dict[str, float]
    closeness: dict[str, float]
    names: tuple[str, ...]
    bag: frozenset[str]


def read_question(text: str) -> Question:
    """Read one question; any text is a question of some kind. Of a very long one only its two ends are read."""
    return _remembered(text if len(text) <= 2 * _END else f"{text[:_END]} {text[-_END:]}")


def _read(text: str) -> Question:
    words = read_words(text)
    syntax = _Syntax(words)
    options = find_alternatives(text) if syntax.asks else None
    return Question(
        text=text,
        words=words,
        asked=Asked.OPTION if options else syntax.asked(),
        focus=tuple([words.stems[i] for i in syntax.focus]),
        lead=syntax.lead(),
        options=options or (),
        weights=syntax.weights(),
        closeness=syntax.closeness(),
        names=_names(words, syntax.lower),
        bag=bag_of(text),
    )


_remembered = lru_cache(maxsize=256)(_read)


class _Syntax:
    """What can be told of a question's build from its words: `at` is the index of the word that asks, or -1."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.lower = [form.lower() for form in words.forms]
        self.at = self._question_word()
        self.focus = self._focus()
        self._last_verb = self._find_last_verb()

    @property
    def asks(self) -> bool:
        """Whether there is a question word, or the text opens as a yes-or-no question does."""
        return self.at >= 0 or self.lower[:1] == [] or self.lower[0] in _AUXILIARIES

    def asked(self) -> Asked:
        """The kind of answer, options apart."""
        lower, at = self.lower, self.at
        if lower and lower[0] in _AUXILIARIES and not (at >= 0 and lower[at] in {"what", "which"}):
            return Asked.YES_NO
        if at < 0:
            return Asked.ANY
        if lower[at] == "how":
            return Asked.NUMBER if at + 1 < len(lower) and lower[at + 1] in _MEASURES else Asked.ANY
        for i in reversed(self.focus):
            found = asked_by_noun(lower[i])
            if found is not None:
                return found
        if lower[at] == "which" and self.focus:
            return Asked.NAME
        return _BY_WORD.get(lower[at], Asked.ANY)

    def lead(self) -> str:
        """The preposition before the question word: "on" for "on which island"; "" for none."""
        before = self.lower[self.at - 1] if self.at > 0 else ""
        return before if before in _PREPOSITIONS else ""

    def weights(self) -> dict[str, float]:
        """Words near the question word matter more: they say what is wanted, the others of whom.

        In "in which town was the inventor … born?" the last word belongs to the question word, too. The noun that
        the question turns on matters less: an answer is of that kind without saying so.
        """
        weights: dict[str, float] = {}
        for i, one in self._content():
            weight = 1.0 + 1.0 / (1 + abs(i - self.at)) if self.at >= 0 else 1.0
            if i == self._last_verb:
                weight = _LAST_VERB_WEIGHT
            if self.focus and i == self.focus[-1]:
                weight = _FOCUS_WEIGHT
            weights[one] = max(weight, weights.get(one, 0.0))
        return weights

    def closeness(self) -> dict[str, float]:
        """How directly each word outside the focus belongs to the question word."""
        start = self.focus[-1] if self.focus else self.at
        found: dict[str, float] = {}
        for i, one in self._content():
            if i in self.focus:
                continue
            close = 1.0 / (1 + abs(i - start) / 2) if self.at >= 0 else 0.5
            if i == self._last_verb:
                close = _LAST_VERB_CLOSENESS
            found[one] = max(close, found.get(one, 0.0))
        return found

    def _content(self) -> list[tuple[int, str]]:
        return [
            (i, self.words.stems[i])
            for i, word in enumerate(self.lower)
            if word not in STOP_WORDS and word not in _WH
        ]

    def _question_word(self) -> int:
        """At the start ("In which …"), else the last `what` or `which`, else the last word that can ask."""
        for i, word in enumerate(self.lower[:3]):
            if word in _WH and (
                i == 0 or self.lower[i - 1] in _PREPOSITIONS or self.lower[0] in {"and", "so"}
            ):
                return i
        for wanted in (frozenset({"what", "which"}), _WH):
            for i in range(len(self.lower) - 1, -1, -1):
                if self.lower[i] in wanted:
                    return i
        return -1

    def _focus(self) -> list[int]:
        """Indices of the noun phrase the question word goes with; "the name of the X" is seen through to X."""
        lower, at = self.lower, self.at
        if at < 0 or lower[at] not in {"what", "which", "whose"}:
            return []
        if at + 1 < len(lower) and lower[at + 1] in _AUXILIARIES:
            return self._predicate(at + 2) if lower[at + 1] in _COPULAS else []
        phrase: list[int] = []
        i = at + 1
        while i < len(lower) and lower[i] not in _PHRASE_ENDS and not self._is_verb(i, phrase):
            phrase.append(i)
            i += 1
            if lower[i - 1].endswith(_POSSESSIVES):
                break
        return self._unwrapped([i for i in phrase if lower[i] not in STOP_WORDS])

    def _predicate(self, i: int) -> list[int]:
        """The noun after "what is the"; nothing for "what is Oslo", which asks what kind of thing it is."""
        if i >= len(self.lower) or self.lower[i] not in {"the", "a", "an"}:
            return []
        phrase = self._unwrapped(self._noun_phrase(i))
        return [] if all(self.words.forms[j][:1].isupper() for j in phrase) else phrase

    def _unwrapped(self, phrase: list[int]) -> list[int]:
        after = phrase[-1] + 1 if phrase else len(self.lower)
        if phrase and self.words.stems[phrase[-1]] in _WRAPPERS and self.lower[after : after + 1] == ["of"]:
            return self._noun_phrase(after + 1) or phrase
        return phrase

    def _noun_phrase(self, i: int) -> list[int]:
        lower = self.lower
        while (
            i < len(lower) and lower[i] in STOP_WORDS and lower[i] not in _WH and lower[i] not in _AUXILIARIES
        ):
            i += 1
        phrase: list[int] = []
        while i < len(lower) and lower[i] not in STOP_WORDS:
            phrase.append(i)
            i += 1
        return phrase

    def _is_verb(self, i: int, phrase: list[int]) -> bool:
        """Whether a word after at least one noun ends the phrase: "hosted" in "which city hosted"."""
        if not phrase or self.words.forms[i][:1].isupper():
            return False
        word, following = self.lower[i], self.lower[i + 1 : i + 2]
        if word.endswith(("ed", "s")) and following and following[0] in _DETERMINERS:
            return True
        return asked_by_noun(self.lower[phrase[-1]]) is not None and asked_by_noun(word) is None

    def _find_last_verb(self) -> int:
        """Index of the last word when it ends the question word's own clause ("where was the author of X born"), or -1."""
        lower, at = self.lower, self.at
        inverted = 0 <= at < len(lower) - 1 and any(word in _AUXILIARIES for word in lower[at + 1 : at + 5])
        nested = any(word in _WH or word == "that" for word in lower[at + 1 :])
        return len(lower) - 1 if inverted and not nested else -1


def _names(words: Words, lower: list[str]) -> tuple[str, ...]:
    found = [match.strip(" ,.") for match in _QUOTED.findall(words.text)]
    start = -1
    for i in range(len(words) + 1):
        capital = i < len(words) and words.forms[i][:1].isupper() and lower[i] not in _NEVER_NAMES
        if capital and start < 0:
            start = i
        elif not capital and start >= 0:
            found.append(words.slice(start, i))
            start = -1
    return tuple(found)
