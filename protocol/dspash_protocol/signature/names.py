"""Names: the types a word can stand for, and the words a field cannot be called."""

from __future__ import annotations

from typing import Final

from dspash_protocol.signature.errors import SignatureError
from dspash_protocol.signature.limits import MAX_FIELDS
from dspash_protocol.signature.types import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    DspyType,
    Field,
    ListOf,
    MapOf,
    SpecialName,
    Type,
)

__all__ = [
    "INPUT_ONLY_RESERVED",
    "INSTEAD",
    "LISTS",
    "MAPS",
    "OPENERS",
    "PLAIN_NAMES",
    "RESERVED",
    "TYPE_SUMMARY",
    "check_names",
]

LISTS: Final = ("list", "List", "array")
MAPS: Final = ("dict", "Dict", "map")
OPENERS: Final = ("Literal", "Optional", "Union")

PLAIN_NAMES: Final[dict[str, Type]] = {
    **dict.fromkeys(("str", "string"), STR),
    **dict.fromkeys(("int", "integer"), INT),
    **dict.fromkeys(("float", "number"), FLOAT),
    **dict.fromkeys(("bool", "boolean"), BOOL),
    **dict.fromkeys(("any", "Any"), ANY),
    **dict.fromkeys(("None", "null", "nil"), NONE),
    **dict.fromkeys(LISTS, ListOf(ANY)),
    **dict.fromkeys((*MAPS, "object"), MapOf(STR, ANY)),
    **{str(name): DspyType(name) for name in SpecialName},
}
"""Words that are types without any `[...]` behind them."""

INSTEAD: Final = {
    "tuple": "use list[...]",
    "set": "use list[...]",
    "bytes": "use File, or str with base64 in it",
    "datetime": "use str, in ISO 8601",
    "date": "use str, in ISO 8601",
    "enum": 'use Literal["a", "b"]',
    "double": "use float",
    "text": "use str",
}
"""Types of other languages, with what to write here."""

TYPE_SUMMARY: Final = (
    'types are str, int, float, bool, any, list[T], dict[K, V], Literal["a", "b"], Optional[T], {name: T}, '
    + ", ".join(SpecialName)
)

RESERVED: Final = frozenset(
    {"signature", "instructions", "fields", "input_fields", "output_fields", "model_config", "self"}
)
"""Names no field can have: they are attributes of every DSPy signature class."""

INPUT_ONLY_RESERVED: Final = frozenset({"config", "lm", "demos", "new_signature"})
"""Names no input can have: `dspy.Predict` takes them for itself."""


def check_names(inputs: tuple[Field, ...], outputs: tuple[Field, ...]) -> None:
    """Raise SignatureError for too many fields, a name that occurs twice, or one that DSPy keeps for itself."""
    if len(inputs) + len(outputs) > MAX_FIELDS:
        raise SignatureError(f"{len(inputs) + len(outputs)} fields are over the limit of {MAX_FIELDS}")
    seen: set[str] = set()
    for index, field in enumerate((*inputs, *outputs)):
        reserved = RESERVED | INPUT_ONLY_RESERVED if index < len(inputs) else RESERVED
        if field.name in reserved:
            raise SignatureError("DSPy keeps this name for itself", field=field.name, hint="rename the field")
        if field.name in seen:
            raise SignatureError("this name occurs twice", field=field.name, hint="rename one of the two")
        seen.add(field.name)
