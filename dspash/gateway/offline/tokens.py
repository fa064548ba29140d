"""Words of a text: where they stand, and the stems under which related forms meet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

__all__ = ["STOP_WORDS", "Words", "bag_of", "content_stems", "read_words", "stem"]

# Bounded: what is remembered of words must stay small whatever a prompt holds.
_WORD: Final = re.compile(r"[^\W_]{1,60}(?:(?:['’&.\-–](?=[^\W_])|,(?=\d{3}\b))[^\W_]{1,60}){0,8}")
_POSSESSIVE: Final = re.compile(r"['’]s?$")

STOP_WORDS: Final = frozenset(
    """a an the this that these those of in on at to for from by with as into onto about over under between among
    during and or nor but if then than so because while is are was were be been being am do does did done doing
    has have had having will would shall should can could may might must not no it its he she him her his hers
    they them their theirs we us our you your i me my who whom whose which what when where why how there here
    also such same other another each both all any some most more less very just only own too s t one
    please tell give name following""".split()
)
"""Words that say how a sentence is built, not what it is about."""

# The longest suffix comes off first. Forms of one word must meet ("directed", "director", "direction"); a wrong
# meeting costs little, because a match counts only together with others.
_SUFFIXES: Final = (
    "izations", "isations", "ization", "isation", "ational", "ations", "ition", "ation", "ments", "ment", "ships",
    "ship", "ities", "ness", "ings", "ors", "ers", "ing", "ied", "ies", "ion", "ity", "ive", "ors", "ist", "or",
    "er", "ed", "es", "al", "ly", "s", "e", "y",
)  # fmt: skip
_SHORTEST_STEM: Final = 3

# Irregular forms and everyday synonyms, mapped to one stem. General English; nothing here names a topic.
_MEETINGS: Final = {
    "begin": "began begun begins start started starts founded formed established founder founding founds creation",
    "birth": "born birthplace birthday birthdate",
    "bring": "brought brings",
    "build": "built builds construct constructed construction building",
    "buy": "bought purchase purchased acquire acquired acquiring buys",
    "call": "called named nicknamed known titled entitled",
    "catch": "caught catches",
    "choose": "chose chosen chooses choice",
    "death": "died dies dead die dying",
    "discover": "discovered discoverer discovery found find finds finding",
    "draw": "drew drawn draws",
    "fall": "fell fallen falls",
    "fight": "fought fights fighter",
    "fly": "flew flown flies flight",
    "give": "gave given gives",
    "grow": "grew grown grows growth",
    "hold": "held holds holder",
    "job": "profession occupation professions occupations career work works worked working trade",
    "keep": "kept keeps",
    "know": "knew",
    "lead": "led leads leading leader",
    "leave": "left leaves",
    "locate": "located location based situated headquartered headquarters lies stands",
    "lose": "lost loses losing loss",
    "make": "made makes making maker",
    "marry": "wife husband spouse married marries marriage",
    "meet": "met meets",
    "movie": "film films movies",
    "nation": "country countries",
    "play": "played plays portrayed portrays starred stars starring role",
    "rise": "rose risen rises",
    "run": "ran runs",
    "school": "university college",
    "see": "saw seen sees",
    "sell": "sold sells",
    "send": "sent sends",
    "show": "shown shows television tv",
    "sing": "sang sung singer sings",
    "speak": "spoke spoken speaks language",
    "stand": "stood",
    "state": "states",
    "steal": "stole stolen thief theft",
    "strike": "struck strikes",
    "take": "took taken takes",
    "teach": "taught teaches teacher",
    "tell": "told tells",
    "throw": "threw thrown throws",
    "voice": "voiced voices voicing",
    "win": "won wins winning winner",
    "band": "group",
    "write": "wrote written author authored novelist writer",
}
_IRREGULAR: Final = {form: base for base, forms in _MEETINGS.items() for form in (base, *forms.split())}


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """The key under which forms of one lower-case word meet; never empty for a non-empty word."""
    bare = _POSSESSIVE.sub("", word) or word
    known = _IRREGULAR.get(bare)
    if known is not None:
        return known
    if len(bare) <= _SHORTEST_STEM or not bare.isalpha():
        return bare.replace("–", "-")
    for suffix in _SUFFIXES:
        if bare.endswith(suffix) and len(bare) - len(suffix) >= _SHORTEST_STEM:
            bare = bare[: -len(suffix)]
            break
    if len(bare) > _SHORTEST_STEM and bare[-1] == bare[-2]:
        bare = bare[:-1]
    return bare[:-1] + "i" if bare.endswith("y") else bare


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """The words of one text, in parallel tuples: index i is the i-th word everywhere."""

    text: str
    forms: tuple[str, ...]
    stems: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.forms)

    def slice(self, first: int, last: int) -> str:
        """The text from word `first` up to, but without, word `last`."""
        return self.text[self.starts[first] : self.ends[last - 1]]


@lru_cache(maxsize=256)
def read_words(text: str) -> Words:
    """Find the words of `text`: letters and digits, with inner apostrophes, hyphens, dots and thousands' commas."""
    matches = list(_WORD.finditer(text))
    forms = tuple([m.group() for m in matches])
    return Words(
        text=text,
        forms=forms,
        stems=tuple([stem(form.lower()) for form in forms]),
        starts=tuple([m.start() for m in matches]),
        ends=tuple([m.end() for m in matches]),
    )


def content_stems(text: str) -> list[str]:
    """Stems of the words in `text` that carry meaning, in order, repeated words kept."""
    return [found for found in map(_content_stem, _WORD.findall(text.lower())) if found]


def bag_of(text: str) -> frozenset[str]:
    """The distinct stems of the words in `text` that carry meaning."""
    return frozenset(map(_content_stem, _WORD.findall(text.lower()))) - _NOTHING


_NOTHING: Final = frozenset({""})


@lru_cache(maxsize=8192)
def _content_stem(word: str) -> str:
    return "" if word in STOP_WORDS else stem(word)
