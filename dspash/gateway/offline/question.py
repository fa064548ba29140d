"""What a question asks for: the kind of answer, the noun it turns on, the options it names."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dspash.gateway.offline.tokens import STOP_WORDS, Words, bag_of, read_words, stem

__all__ = ["Asked", "Question", "asked_by_noun", "read_question"]


class Asked(enum.Enum):
    """The kind of answer a question expects."""

    YES_NO = "yes or no"
    OPTION = "one of the options it names"
    PERSON = "a person"
    PLACE = "a place"
    DATE = "a date"
    YEAR = "a year"
    NUMBER = "a number"
    TITLE = "the title of a work"
    NAME = "a proper name"
    NOUN = "a common noun"
    ANY = "anything"


_AUXILIARIES: Final = frozenset(
    "is are was were do does did has have had can could will would shall should may might am".split()
)
_COPULAS: Final = frozenset({"is", "are", "was", "were"})
_WH: Final = frozenset("what which who whom whose where when how why".split())
_PREPOSITIONS: Final = frozenset(
    "in on at of by for from to with under during into through near after before about as".split()
)
# Nouns that say of what kind the answer is. Each is reduced to its stem, so plurals count too.
_KINDS_OF_NOUN: Final = {
    Asked.YEAR: "year decade",
    Asked.DATE: "date day month time century era period season",
    Asked.PLACE: "city town village state country nation county province region place location continent "
    "district neighborhood neighbourhood borough island birthplace capital hometown area territory municipality "
    "suburb street river lake mountain ocean sea peninsula valley",
    Asked.NUMBER: "number population age height length distance percentage amount total count score capacity",
    Asked.PERSON: "person man woman actor actress director singer author writer president king queen player "
    "artist musician politician scientist composer producer poet novelist architect engineer inventor "
    "founder leader minister governor mayor coach captain driver pilot painter sculptor philosopher "
    "mathematician physicist chemist astronomer general emperor prince princess comedian rapper drummer "
    "guitarist vocalist host presenter journalist wife husband father mother son daughter brother sister "
    "friend partner creator designer owner chairman ceo secretary senator judge character",
    Asked.TITLE: "film movie book novel album song single series show magazine newspaper play opera poem painting "
    "sitcom comedy drama game musical documentary episode soundtrack anthology memoir",
    Asked.NOUN: "profession occupation job nationality language religion genre type kind color colour instrument "
    "sport animal species material style ethnicity gender position role career field subject substance metal stone "
    "wood disease illness trade tool weapon bird fruit plant food drink dish vehicle gas element liquid mineral crop "
    "shape fabric fuel craft animal fish flower tree insect organ degree rank injury crime cause purpose",
    Asked.NAME: "company band team club university college school airport station organization organisation "
    "institution museum festival award prize league network label party empire tribe military army unit "
    "agency brand bank hotel hospital church bridge tower building stadium arena event war battle ship "
    "project program group orchestra tournament cup conference act law treaty name title community building "
    "restaurant chain store studio theater theatre dynasty family order railway railroad line road highway",
}  # fmt: skip
_NOUNS: Final = {noun: asked for asked, nouns in _KINDS_OF_NOUN.items() for noun in nouns.split()}
_PLAIN_WH: Final = {"who": Asked.PERSON, "whom": Asked.PERSON, "whose": Asked.PERSON, "where": Asked.PLACE,
                    "when": Asked.DATE, "why": Asked.ANY}  # fmt: skip
_WRAPPERS: Final = frozenset({"name", "title", "type", "kind", "sort", "number", "call"})
_EITHER: Final = re.compile(
    r"(?P<a>[^,?]+?),?\s+or\s+(?:the\s+)?(?P<b>[^,?]+?)\s*(?:\?|,|$)|"
    r"(?:\b[Ww]h(?:ich|o),?\s+of|^Of|\b[Bb]etween)\s+(?P<c>[^,?]+?)\s+and\s+(?P<d>[^,?]+?)(?:\s*[?,]|\s+(?:has|have|had|is|was|are|were|did|does)\b|$)"
)
_END: Final = 1000
_QUOTED: Final = re.compile(r"[\"“]([^\"“”]{2,80})[\"”]")


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A question, read. `weights` maps its content stems to how much they matter beyond rarity, from 1 to 2."""

    text: str
    words: Words
    asked: Asked
    closeness: dict[str, float]
    """The same stems, without the focus, by how directly they belong to the question word: 1 beside it, then less."""
    focus: tuple[str, ...]
    """Stems of the noun phrase after the question word, its head last: ("film", "festiv") for "which film festival"."""
    options: tuple[str, ...]
    weights: dict[str, float]
    lead: str
    """The preposition before the question word: "on" for "on which island"; "" for none."""
    names: tuple[str, ...]
    """Proper names and quoted titles in the question."""
    bag: frozenset[str]


def asked_by_noun(noun: str) -> Asked | None:
    """The kind of thing a noun in lower case names: PERSON for "singers"; None for a noun unknown here."""
    noun = noun.removesuffix("'s").removesuffix("’s")
    for form in (noun, noun.removesuffix("s"), noun.removesuffix("es"), f"{noun.removesuffix('ies')}y"):
        found = _NOUNS.get(form)
        if found is not None:
            return found
    return None


def read_question(text: str) -> Question:
    """Read one question; any text is a question of some kind. Of a very long one only its two ends are read."""
    return _read(text if len(text) <= 2 * _END else f"{text[:_END]} {text[-_END:]}")


@lru_cache(maxsize=512)
def _read(text: str) -> Question:
    words = read_words(text)
    lower = [form.lower() for form in words.forms]
    at = _question_word(lower)
    options = _options(text, lower, at)
    focus = _focus(words, lower, at)
    return Question(
        text=text,
        words=words,
        asked=_asked(lower, at, focus, options),
        focus=tuple([words.stems[i] for i in focus]),
        options=options,
        weights=_weights(words, lower, at, focus),
        closeness=_closeness(words, lower, at, focus),
        lead=lower[at - 1] if at > 0 and lower[at - 1] in _PREPOSITIONS else "",
        names=_names(words, lower, text),
        bag=bag_of(text),
    )


def _question_word(lower: list[str]) -> int:
    """Index of the word that asks, or -1: at the start ("In which …"), else the last `what`/`which`, else any."""
    for i, word in enumerate(lower[:3]):
        if word in _WH and (i == 0 or lower[i - 1] in _PREPOSITIONS or lower[0] in {"and", "so", "then"}):
            return i
    for wanted in ({"what", "which"}, _WH):
        for i in range(len(lower) - 1, -1, -1):
            if lower[i] in wanted:
                return i
    return -1


def _focus(words: Words, lower: list[str], at: int) -> list[int]:
    """Indices of the noun phrase that the question word asks about; "the name of the X" is seen through to X."""
    if at < 0:
        return []
    if lower[at] == "how":
        return [at + 1] if at + 1 < len(lower) else []
    if lower[at] not in {"what", "which", "whose"}:
        return []
    i = at + 1
    if i < len(lower) and lower[i] in _AUXILIARIES:
        return _after_copula(words, lower, i + 1) if lower[i] in _COPULAS else []
    phrase: list[int] = []
    while (
        i < len(lower)
        and lower[i] not in _AUXILIARIES
        and lower[i] not in _PREPOSITIONS
        and lower[i] not in _WH
    ):
        if lower[i] in {"that", "and", "or", "where"} or _looks_like_verb(words, lower, i, phrase):
            break
        phrase.append(i)
        i += 1
        if lower[i - 1].endswith(("'s", "’s")):
            break
    if phrase and i + 1 < len(lower) and words.stems[phrase[-1]] in _WRAPPERS and lower[i] == "of":
        return _noun_phrase(lower, i + 1) or phrase
    return [i for i in phrase if lower[i] not in STOP_WORDS]


def _after_copula(words: Words, lower: list[str], i: int) -> list[int]:
    """ "What is the X of …": X; "What is the name of the X …": X; "What is Opry Mills": nothing, it asks for a kind."""
    if i >= len(lower) or lower[i] not in {"the", "a", "an"}:
        return []
    phrase = _noun_phrase(lower, i)
    after = phrase[-1] + 1 if phrase else len(lower)
    if phrase and words.stems[phrase[-1]] in _WRAPPERS and after < len(lower) and lower[after] == "of":
        return _noun_phrase(lower, after + 1) or phrase
    if phrase and all(words.forms[j][:1].isupper() for j in phrase):
        return []
    return phrase


def _noun_phrase(lower: list[str], i: int) -> list[int]:
    while i < len(lower) and lower[i] in STOP_WORDS and lower[i] not in _WH and lower[i] not in _AUXILIARIES:
        i += 1
    phrase: list[int] = []
    while i < len(lower) and lower[i] not in STOP_WORDS:
        phrase.append(i)
        i += 1
    return phrase


def _looks_like_verb(words: Words, lower: list[str], i: int, phrase: list[int]) -> bool:
    """Whether word `i` ends the noun phrase: a lower-case verb form after at least one noun ("which city hosted")."""
    if not phrase or words.forms[i][:1].isupper():
        return False
    if lower[i].endswith(("ed", "s")) and i + 1 < len(lower) and lower[i + 1] in _DETERMINERS:
        return True
    known = asked_by_noun(lower[phrase[-1]]) is not None
    return known and asked_by_noun(lower[i]) is None


_DETERMINERS: Final = frozenset("the a an his her its their this that".split())


def _asked(lower: list[str], at: int, focus: list[int], options: tuple[str, ...]) -> Asked:
    if options:
        return Asked.OPTION
    if lower and lower[0] in _AUXILIARIES and not (at >= 0 and lower[at] in {"what", "which"}):
        return Asked.YES_NO
    if at < 0:
        return Asked.ANY
    word = lower[at]
    if word == "how":
        return Asked.NUMBER if focus and lower[focus[0]] in _HOW_NUMBER else Asked.ANY
    for i in reversed(focus):
        found = asked_by_noun(lower[i])
        if found is not None:
            return found
    if word in _PLAIN_WH:
        return _PLAIN_WH[word]
    return Asked.ANY if not focus else Asked.NAME if word == "which" else Asked.ANY


_HOW_NUMBER: Final = frozenset("many much old long tall far high large big deep fast often".split())


def _options(text: str, lower: list[str], at: int) -> tuple[str, ...]:
    """The two things a question chooses between: "A or B" with capitals or quotes, or "which of A and B"."""
    match = _EITHER.search(text)
    if match is None or (at < 0 and lower and lower[0] not in _AUXILIARIES):
        return ()
    pair = (match["a"], match["b"]) if match["a"] else (match["c"], match["d"])
    first, second = _last_name(pair[0]), _first_name(pair[1])
    return (first, second) if first and second else ()


_NAME_TOKEN: Final = r"(?:[A-Z0-9][\w'’&.\-]*|[\"“][^\"”]+[\"”])"
_JOINERS: Final = r"(?:\s+(?:of|the|and|de|la|van|von|du|der|in|on|for|to|&))*"
_LAST_NAME: Final = re.compile(
    rf"(?:the\s+)?({_NAME_TOKEN}(?:{_JOINERS}\s+{_NAME_TOKEN})*)\s*(?:\([^)]*\))?\s*$"
)
_FIRST_NAME: Final = re.compile(rf"\s*({_NAME_TOKEN}(?:{_JOINERS}\s+{_NAME_TOKEN})*)")
_OPENERS: Final = re.compile(
    r"^(?:Is|Are|Was|Were|Did|Does|Do|Has|Have|Had|Which|Who|What|Whose|Between|Of)\s+(?:of\s+)?(?:the\s+)?"
)


def _last_name(text: str) -> str:
    match = _LAST_NAME.search(_OPENERS.sub("", text.strip()))
    return match[1].strip(' "“”,') if match else ""


def _first_name(text: str) -> str:
    match = _FIRST_NAME.match(text)
    return match[1].strip(' "“”,') if match else ""


def _weights(words: Words, lower: list[str], at: int, focus: list[int]) -> dict[str, float]:
    """Words near the question word matter more: they say what is wanted, the rest says of whom.

    In "in which town was the inventor … born?" the last word belongs to the question word, too. The noun that the
    question turns on matters less: an answer is of that kind without saying so.
    """
    last = _inverted_verb(lower, at)
    weights: dict[str, float] = {}
    for i, word in enumerate(lower):
        if word in STOP_WORDS or word in _WH:
            continue
        weight = 1.0 + 1.0 / (1 + abs(i - at)) if at >= 0 else 1.0
        if focus and i == focus[-1]:
            weight = FOCUS_WEIGHT
        elif i == last:
            weight = LAST_WEIGHT
        weights[words.stems[i]] = max(weight, weights.get(words.stems[i], 0.0))
    return weights


def _closeness(words: Words, lower: list[str], at: int, focus: list[int]) -> dict[str, float]:
    """How directly each content stem belongs to the question word, from 1 (beside it) towards 0."""
    last = _inverted_verb(lower, at)
    start = focus[-1] if focus else at
    found: dict[str, float] = {}
    for i, word in enumerate(lower):
        if word in STOP_WORDS or word in _WH or i in focus:
            continue
        close = 0.8 if i == last else 1.0 / (1 + abs(i - start) / 2) if at >= 0 else 0.5
        found[words.stems[i]] = max(close, found.get(words.stems[i], 0.0))
    return found


def _inverted_verb(lower: list[str], at: int) -> int:
    """Index of the last word when it completes the question word's own clause ("where was the author of X born"), or -1."""
    last = len(lower) - 1
    if not 0 <= at < last or not any(word in _AUXILIARIES for word in lower[at + 1 : at + 5]):
        return -1
    return -1 if any(word in _WH or word == "that" for word in lower[at + 1 :]) else last


FOCUS_WEIGHT = 0.6
LAST_WEIGHT = 1.6
_NEVER_NAMES: Final = _WH | _AUXILIARIES | STOP_WORDS


def _names(words: Words, lower: list[str], text: str) -> tuple[str, ...]:
    found = [match.strip(" ,.") for match in _QUOTED.findall(text)]
    start = -1
    for i in range(len(words) + 1):
        capital = i < len(words) and words.forms[i][:1].isupper() and lower[i] not in _NEVER_NAMES
        if capital and start < 0:
            start = i
        elif not capital and start >= 0:
            found.append(words.slice(start, i))
            start = -1
    return tuple(found)
