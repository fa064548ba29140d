"""Asked: the kinds of answer a question can want, and the nouns that name them."""

from __future__ import annotations

import enum
from typing import Final

__all__ = ["Asked", "asked_by_noun"]


class Asked(enum.Enum):
    """The kind of answer a question wants."""

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


# General English: what kind of thing a noun names. Nouns that are not here are of kind ANY.
_NOUNS_BY_KIND: Final = {
    Asked.YEAR: "year decade",
    Asked.DATE: "date day month time century era period season",
    Asked.PLACE: """city town village state country nation county province region place location continent district
        neighborhood neighbourhood borough island birthplace capital hometown area territory municipality suburb
        street river lake mountain ocean sea peninsula valley""",
    Asked.NUMBER: "number population age height length distance percentage amount total count score capacity",
    Asked.PERSON: """person man woman actor actress director singer author writer president king queen player artist
        musician politician scientist composer producer poet novelist architect engineer inventor founder leader
        minister governor mayor coach captain driver pilot painter sculptor philosopher mathematician physicist
        chemist astronomer general emperor prince princess comedian rapper drummer guitarist vocalist host presenter
        journalist wife husband father mother son daughter brother sister friend partner creator designer owner
        chairman ceo secretary senator judge character""",
    Asked.TITLE: """film movie book novel album song single series show magazine newspaper play opera poem painting
        sitcom comedy drama game musical documentary episode soundtrack anthology memoir""",
    Asked.NOUN: """profession occupation job nationality language religion genre type kind color colour instrument
        sport animal species material style ethnicity gender position role career field subject substance metal
        stone wood disease illness trade tool weapon bird fruit plant food drink dish vehicle gas element liquid
        mineral crop shape fabric fuel craft fish flower tree insect organ degree rank injury crime cause purpose""",
    Asked.NAME: """company band team club university college school airport station organization organisation
        institution museum festival award prize league network label party empire tribe military army unit agency
        brand bank hotel hospital church bridge tower building stadium arena event war battle ship project program
        group orchestra tournament cup conference act law treaty name title community restaurant chain store studio
        theater theatre dynasty family order railway railroad line road highway""",
}
_KINDS: Final = {noun: kind for kind, nouns in _NOUNS_BY_KIND.items() for noun in nouns.split()}


def asked_by_noun(noun: str) -> Asked | None:
    """The kind of thing a noun in lower case names: PERSON for "singers"; None for a noun unknown here."""
    noun = noun.removesuffix("'s").removesuffix("’s")
    for form in (noun, noun.removesuffix("s"), noun.removesuffix("es"), f"{noun.removesuffix('ies')}y"):
        found = _KINDS.get(form)
        if found is not None:
            return found
    return None
