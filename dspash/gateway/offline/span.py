"""Spans: the parts of a sentence that could be somebody's answer."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dspash.gateway.offline.tokens import STOP_WORDS, Words, read_words

__all__ = ["Kind", "Span", "find_spans"]


class Kind(enum.Enum):
    """How a span looks on the page."""

    NAME = "capitalised words"
    QUOTED = "quoted words"
    YEAR = "four digits"
    DATE = "a date"
    NUMBER = "a number"
    PHRASE = "a noun phrase in lower case"


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """Words `first` up to `last` (exclusive) of a sentence; `lead` is the word before it in lower case, or ""."""

    text: str
    kind: Kind
    first: int
    last: int
    lead: str
    stems: tuple[str, ...]


_MONTHS: Final = frozenset(
    "january february march april may june july august september october november december".split()
)
_NUMBERS: Final = frozenset(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion "
    "dozen".split()
)
_YEAR: Final = re.compile(r"(?:1\d|20)\d\d$")
_DIGITS: Final = re.compile(r"\d[\d,.]*(?:st|nd|rd|th|s|km|m|mi|kg|%)?$")
_QUOTED: Final = re.compile(r"[\"“]([^\"“”]{2,80})[\"”]|'([A-Z][^']{2,60})'")
# Small words that may stand inside a name when capitals follow: "University of Oslo", "Ludwig van Beethoven".
_INNER: Final = frozenset("of the de la le van von der du di da del and & for at in to a upon under".split())
_SPLITTING: Final = frozenset({"and", "&", "at", "in", "to", "for", "a"})
_UNITS: Final = frozenset(
    "years year people inhabitants miles kilometres kilometers metres meters feet days months weeks hours minutes "
    "percent tonnes acres episodes members seats times".split()
)
_RANKS: Final = frozenset(
    "king queen prince princess emperor empress sir lord lady dame president general admiral captain colonel professor "
    "doctor dr saint pope cardinal bishop mr mrs ms duke count baron".split()
)
_BEFORE_PLACES: Final = frozenset({"in", "at", "from", "of", "near", "to", "around", "outside"})
_INNER_GAPS: Final = frozenset({" ", ". ", " & ", "' ", "’ "})
_GAPS: Final = _INNER_GAPS | {'" ', ' "'}
_PLACE_WORDS: Final = 3
_COPULAS: Final = frozenset("is was are were as became be".split())
_ARTICLES: Final = frozenset({"a", "an", "the"})
_BEFORE_PHRASES: Final = (
    _ARTICLES | _COPULAS | frozenset("of as by with from in into his her its their and or".split())
)
_LONGEST_PHRASE: Final = 6
_LONGEST_NAME: Final = 14


@lru_cache(maxsize=512)
def find_spans(text: str) -> tuple[Span, ...]:
    """Every span of one sentence, in no particular order, without duplicates. `text` is of a sentence's length."""
    words = read_words(text)
    lower = [form.lower() for form in words.forms]
    found: dict[tuple[int, int], Kind] = {}
    _add_quoted(words, found)
    _add_dates(words, lower, found)
    _add_numbers(lower, found)
    _add_names(words, lower, found)
    _add_phrases(words, lower, found)
    return tuple([_span(words, lower, first, last, kind) for (first, last), kind in found.items()])


def _span(words: Words, lower: list[str], first: int, last: int, kind: Kind) -> Span:
    text = words.slice(first, last)
    if text.endswith(("'s", "’s")) and kind is Kind.NAME:
        text = text[:-2]
    return Span(text, kind, first, last, _lead(words, lower, first, kind), words.stems[first:last])


def _lead(words: Words, lower: list[str], first: int, kind: Kind) -> str:
    """The word before; for a date in parentheses "(" at their start and "–" after a dash: birth and death."""
    if not first:
        return ""
    if kind in {Kind.DATE, Kind.YEAR}:
        gap = words.text[words.ends[first - 1] : words.starts[first]].strip()
        if gap[-1:] in {"(", "–", "—", "-"}:
            return "(" if gap[-1] == "(" else "–"
        while first > 1 and (lower[first - 1] in _MONTHS or lower[first - 1].isdigit()):
            first -= 1
    return lower[first - 1]


def _add_quoted(words: Words, found: dict[tuple[int, int], Kind]) -> None:
    for match in _QUOTED.finditer(words.text):
        start, end = match.span(1) if match[1] else match.span(2)
        inside = [i for i in range(len(words)) if start <= words.starts[i] and words.ends[i] <= end]
        if inside:
            found.setdefault((inside[0], inside[-1] + 1), Kind.QUOTED)


def _add_dates(words: Words, lower: list[str], found: dict[tuple[int, int], Kind]) -> None:
    for i, word in enumerate(lower):
        if _YEAR.match(word):
            found[i, i + 1] = Kind.YEAR
        if word not in _MONTHS or not words.forms[i][:1].isupper():
            continue
        first, last = i, i + 1
        if i and lower[i - 1].isdigit() and len(lower[i - 1]) <= 2:
            first = i - 1
        elif last < len(lower) and lower[last].isdigit() and len(lower[last]) <= 2:
            last += 1
        if last < len(lower) and _YEAR.match(lower[last]):
            last += 1
        if last - first > 1:
            found[first, last] = Kind.DATE


def _add_numbers(lower: list[str], found: dict[tuple[int, int], Kind]) -> None:
    for i, word in enumerate(lower):
        if (i, i + 1) in found or not (_DIGITS.match(word) or word in _NUMBERS):
            continue
        if i and (lower[i - 1] in _NUMBERS or _DIGITS.match(lower[i - 1])):
            continue
        last = i + 1
        while last < len(lower) and (lower[last] in _NUMBERS or _DIGITS.match(lower[last])) and last - i < 4:
            last += 1
        found[i, last] = Kind.NUMBER
        if last < len(lower) and lower[last] in _UNITS:
            found[i, last + 1] = Kind.NUMBER


def _add_names(words: Words, lower: list[str], found: dict[tuple[int, int], Kind]) -> None:
    i = 0
    while i < len(lower):
        if not _begins_name(words, lower, i):
            i += 1
            continue
        last = _end_of_name(words, lower, i)
        for first, end in _parts_of_name(words, lower, i, last):
            found.setdefault((first, end), Kind.NAME)
        i = last


def _begins_name(words: Words, lower: list[str], i: int) -> bool:
    form = words.forms[i]
    if not form[:1].isupper() and not (
        form[:1].isdigit() and i + 1 < len(lower) and words.forms[i + 1][:1].isupper()
    ):
        return False
    if lower[i] in _MONTHS and i + 1 < len(lower) and lower[i + 1].isdigit():
        return False
    if form[:1].isdigit() and lower[i + 1] in _MONTHS:
        return False
    return lower[i] not in STOP_WORDS


def _end_of_name(words: Words, lower: list[str], first: int) -> int:
    """One past the last word of the longest name from `first`: capitals, with small words or a quoted one inside."""
    last = first + 1
    while last < min(len(lower), first + _LONGEST_NAME):
        ahead = last
        while ahead < min(len(lower), last + 2) and lower[ahead] in _INNER and not _is_capital(words, ahead):
            ahead += 1
        if ahead >= len(lower) or not (
            _is_capital(words, ahead) or (ahead == last and lower[ahead].isdigit())
        ):
            break
        allowed = _GAPS if ahead == last else _INNER_GAPS
        if any(
            words.text[words.ends[k - 1] : words.starts[k]] not in allowed for k in range(last, ahead + 1)
        ):
            break
        last = ahead + 1
    return last


def _is_capital(words: Words, i: int) -> bool:
    return words.forms[i][:1].isupper()


def _parts_of_name(words: Words, lower: list[str], first: int, last: int) -> list[tuple[int, int]]:
    """The whole name, its parts around "and", "at", …, what follows "of", and what follows a rank or an article."""
    parts = [(first, last)]
    start = first
    for i in range(first, last + 1):
        if i == last or lower[i] in _SPLITTING:
            if start < i and (start, i) != (first, last):
                parts.append((start, i))
            start = i + 1
        elif lower[i] == "of" and i + 1 < last:
            parts.append((i + 1, last))
    if lower[first] in _RANKS and last - first > 1:
        parts.append((first + 1, last))
    parts.extend(
        [(start, end) for start in _places(lower, parts, last) for end in _region(words, lower, last)]
    )
    return parts


def _places(lower: list[str], parts: list[tuple[int, int]], last: int) -> list[int]:
    """Where a short name starts that ends at `last` and stands after "in", "of" …, as the name of a town does."""
    return [
        start
        for start, end in parts
        if end == last and end - start <= _PLACE_WORDS and start > 0 and lower[start - 1] in _BEFORE_PLACES
    ]


def _region(words: Words, lower: list[str], after: int) -> list[int]:
    """One past the name that follows a comma at `after`, as a region follows its town; nothing when none does."""
    if after >= len(lower) or words.text[words.ends[after - 1] : words.starts[after]] != ", ":
        return []
    if not _begins_name(words, lower, after):
        return []
    end = _end_of_name(words, lower, after)
    return [end] if end - after <= _PLACE_WORDS else []


def _add_phrases(words: Words, lower: list[str], found: dict[tuple[int, int], Kind]) -> None:
    """Noun phrases after a copula or an article, whole and by their last one and two words."""
    for i, word in enumerate(lower):
        if word not in _BEFORE_PHRASES:
            continue
        first = i + 1
        if first < len(lower) and lower[first] in _BEFORE_PHRASES:
            continue
        last = first
        while last < len(lower) and last - first < _LONGEST_PHRASE and lower[last] not in STOP_WORDS:
            if last > first and words.text[words.ends[last - 1] : words.starts[last]] not in {" ", "-"}:
                break
            last += 1
        while last > first and lower[last - 1].endswith(("ed", "ly")):
            last -= 1
        for start in {first, last - 2, last - 1}:
            if first <= start < last and not words.forms[last - 1][:1].isupper():
                found.setdefault((start, last), Kind.PHRASE)
