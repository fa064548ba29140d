"""Parser: signatures and types from text, by recursive descent. Nothing written in them is ever evaluated."""

from __future__ import annotations

from typing import Final

from dspash_protocol.signature.check import first_problem
from dspash_protocol.signature.cursor import Cursor
from dspash_protocol.signature.errors import closest
from dspash_protocol.signature.literals import read_options, read_value
from dspash_protocol.signature.names import (
    INSTEAD,
    LISTS,
    MAPS,
    OPENERS,
    PLAIN_NAMES,
    TYPE_SUMMARY,
    check_names,
)
from dspash_protocol.signature.tokens import Kind, Token, is_name
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
    LiteralOf,
    MapOf,
    ObjectOf,
    SignatureSpec,
    SpecialName,
    Type,
    optional_of,
    union_of,
)

__all__ = ["parse_signature", "parse_type"]

_SYNTAX: Final = 'a signature reads like "question, context: list[str] -> answer: str, confidence: float"'
_NAME_HINT: Final = "use letters, digits and _ (not first), and no Python keyword"
_PREFIXES: Final = frozenset({"typing", "dspy"})


def parse_signature(text: str, *, instructions: str = "", name: str = "") -> SignatureSpec:
    """Read `inputs -> outputs`. Raises SignatureError naming the field and the character."""
    cursor = Cursor(text)
    inputs = _fields(cursor, end="->")
    cursor.take("->", f"no '->' separates inputs from outputs; {_SYNTAX}" if cursor.at("") else "")
    outputs = _fields(cursor, end="")
    cursor.finish()
    if not outputs:
        raise cursor.error("there is no output field", hint=_SYNTAX)
    check_names(inputs, outputs)
    return SignatureSpec(inputs, outputs, instructions, name)


def parse_type(text: str) -> Type:
    """Read one type. Raises SignatureError naming the character."""
    cursor = Cursor(text)
    type_ = _something(cursor)
    cursor.finish()
    return type_


def _fields(cursor: Cursor, *, end: str) -> tuple[Field, ...]:
    """Read fields separated by commas, up to `end`."""
    fields: list[Field] = []
    while not (cursor.at(end) or cursor.at("")):
        token = cursor.next()
        if token.kind is not Kind.NAME:
            raise cursor.error(f"a field name is wanted, not {token}", at=token, hint=_SYNTAX)
        with cursor.field(token.text):
            if not is_name(token.text):
                raise cursor.error(f"{token} cannot name a field", at=token, hint=_NAME_HINT)
            fields.append(_field(cursor, token.text))
        if not cursor.accept(","):
            break
    return tuple(fields)


def _field(cursor: Cursor, name: str) -> Field:
    """Read what follows a field's name: `?: type = default "description"`, each part optional."""
    optional = cursor.accept("?")
    stated = cursor.accept(":")
    type_ = _something(cursor) if stated else STR
    default = None
    if cursor.accept("="):
        start = cursor.token
        default = read_value(cursor)
        optional = optional or default is None
        if default is not None and (problem := first_problem(type_, default)) is not None:
            raise cursor.error(f"the default does not fit: {problem}", at=start)
    desc = str(cursor.next().value) if cursor.token.kind is Kind.TEXT else ""
    return Field(name, type_, stated, desc, optional, default)


def _something(cursor: Cursor) -> Type:
    """Read a type that is more than None."""
    start = cursor.token
    type_ = _type(cursor)
    if type_ == NONE:
        raise cursor.error(
            "None alone says nothing", at=start, hint="write Optional[...] around another type"
        )
    return type_


def _type(cursor: Cursor) -> Type:
    with cursor.deeper():
        members = [_member(cursor)]
        while cursor.accept("|"):
            members.append(_member(cursor))
    return union_of(members)


def _member(cursor: Cursor) -> Type:
    """Read one alternative of a union."""
    if cursor.accept("("):
        type_ = _type(cursor)
        cursor.take(")")
        return type_
    if cursor.at("{"):
        return _braces(cursor, "")
    cursor.accept(":")  # an Elixir atom, as in {:array, :string}
    token = cursor.next()
    if token.kind is not Kind.NAME:
        hint = 'fixed values are written Literal["a", "b"]' if token.kind in (Kind.TEXT, Kind.NUMBER) else ""
        raise cursor.error(f"a type is wanted, not {token}", at=token, hint=hint)
    if token.text in _PREFIXES and cursor.accept("."):
        token = cursor.next()
    if cursor.at("{"):
        return _braces(cursor, token.text)
    if cursor.accept("["):
        return _parametrised(cursor, token)
    return _plain(cursor, token)


def _plain(cursor: Cursor, token: Token) -> Type:
    found = PLAIN_NAMES.get(token.text)
    if found is not None:
        return found
    if token.text in OPENERS:
        raise cursor.error(f"{token.text} is missing its [...]", at=token)
    hint = INSTEAD.get(token.text.lower()) or closest(token.text, [*PLAIN_NAMES, *OPENERS]) or TYPE_SUMMARY
    raise cursor.error(f"{token} is no type", at=token, hint=hint)


def _parametrised(cursor: Cursor, token: Token) -> Type:
    """Read what stands in `[...]` after a name."""
    if token.text == "Literal":
        return LiteralOf(read_options(cursor))
    if token.text == SpecialName.CODE:
        return _code(cursor)
    if token.text not in (*LISTS, *MAPS, *OPENERS):
        _plain(cursor, token)  # an unknown name is the better news
        raise cursor.error(f"{token.text} takes no [...]", at=token)
    parameters = [_type(cursor)]
    while cursor.accept(",") and not cursor.at("]"):
        parameters.append(_type(cursor))
    cursor.take("]")
    match token.text, parameters:
        case "Union", _:
            return union_of(parameters)
        case "Optional", [one]:
            return optional_of(one)
        case name, [item] if name in LISTS:
            return ListOf(item)
        case name, [key, value] if name in MAPS:
            return MapOf(_key(cursor, key, token), value)
        case name, _:
            wanted = "two types" if name in MAPS else "one type"
            raise cursor.error(f"{name} takes {wanted} in [...], not {len(parameters)}", at=token)


def _code(cursor: Cursor) -> Type:
    token = cursor.next()
    if token.kind not in (Kind.TEXT, Kind.NAME):
        raise cursor.error(f"a language is wanted, not {token}", at=token, hint='write Code["python"]')
    cursor.take("]")
    return DspyType(SpecialName.CODE, str(token.value) if token.kind is Kind.TEXT else token.text)


def _key(cursor: Cursor, key: Type, token: Token) -> Type:
    if key in (STR, INT, FLOAT, BOOL, ANY) or isinstance(key, LiteralOf):
        return key
    raise cursor.error("keys are str, int, float, bool or a Literal", at=token)


def _braces(cursor: Cursor, name: str) -> Type:
    """Read an object, `Name{field: type}`, or an Elixir type, `{:array, type}`."""
    opening = cursor.next()
    if cursor.at(":") and not name:
        return _elixir(cursor, opening)
    fields = _fields(cursor, end="}")
    cursor.take("}")
    names = {field.name for field in fields}
    if not fields:
        raise cursor.error("an object without fields", at=opening, hint="write dict for any map")
    if len(names) < len(fields):
        raise cursor.error("a name occurs twice in this object", at=opening, hint="rename one of the two")
    if name and not is_name(name):
        raise cursor.error(f"{name!r} cannot name an object", at=opening, hint=_NAME_HINT)
    return ObjectOf(fields, name)


def _elixir(cursor: Cursor, opening: Token) -> Type:
    """Read `{:array, T}`, `{:map, V}` or `{:map, K, V}`."""
    cursor.take(":")
    token = cursor.next()
    parameters: list[Type] = []
    while cursor.accept(","):
        parameters.append(_type(cursor))
    cursor.take("}")
    match token.text, parameters:
        case "array", [item]:
            return ListOf(item)
        case "map", [value]:
            return MapOf(STR, value)
        case "map", [key, value]:
            return MapOf(_key(cursor, key, token), value)
        case _:
            hint = "write {:array, :string} or {:map, :any}"
            raise cursor.error(f"{{:{token.text:.60} …}} is no type", at=opening, hint=hint)
