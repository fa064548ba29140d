"""Whatever the grammar can say, it says in one canonical way, and reads back as the same."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dspash_protocol.signature import (
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
    SignatureError,
    SignatureSpec,
    SpecialName,
    Type,
    check_value_type,
    optional_of,
    parse_signature,
    parse_type,
    read_signature,
    signature_map,
    signature_text,
    type_text,
    union_of,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).map(lambda name: f"f_{name}")
INTEGERS = st.integers(-(2**63), 2**64 - 1)
OPTIONS = st.lists(
    st.one_of(TEXT, INTEGERS, st.booleans()), min_size=1, max_size=4, unique_by=lambda v: (type(v), v)
)
SCALARS: st.SearchStrategy[Type] = st.sampled_from([STR, INT, FLOAT, BOOL, ANY])
KEYS: st.SearchStrategy[Type] = st.sampled_from([STR, INT, FLOAT, BOOL, ANY])


def _special() -> st.SearchStrategy[Type]:
    plain = st.sampled_from(SpecialName).map(DspyType)
    code = TEXT.filter(bool).map(lambda language: DspyType(SpecialName.CODE, language))
    return st.one_of(plain, code)


def _larger(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    return st.one_of(
        inner.map(ListOf),
        st.builds(MapOf, KEYS, inner),
        inner.map(optional_of),
        st.lists(inner, min_size=2, max_size=3).map(union_of),
        st.builds(ObjectOf, _fields(inner), st.one_of(st.just(""), st.just("Book"))),
    )


@st.composite
def fitting(draw: st.DrawFn, type_: Type) -> Any:
    """A JSON value that fits `type_`, or None where there is none to write down."""
    match type_:
        case ListOf(item):
            values = [draw(fitting(item)) for _ in range(draw(st.integers(0, 2)))]
            return None if any(value is None for value in values) else values
        case LiteralOf(values):
            return draw(st.sampled_from(values))
        case _:
            simple: dict[Type, st.SearchStrategy[Any]] = {
                STR: TEXT,
                INT: INTEGERS,
                FLOAT: st.floats(allow_nan=False, allow_infinity=False),
                BOOL: st.booleans(),
                ANY: st.dictionaries(TEXT, st.one_of(TEXT, st.none(), st.floats(-1, 1)), max_size=2),
            }
            return draw(simple[type_]) if type_ in simple else None


@st.composite
def field(draw: st.DrawFn, types: st.SearchStrategy[Type], name: str) -> Field:
    stated = draw(st.booleans())
    type_ = draw(types) if stated else STR
    default = draw(fitting(type_)) if draw(st.booleans()) else None
    return Field(name, type_, stated, draw(TEXT), draw(st.booleans()), default)


@st.composite
def _fields(draw: st.DrawFn, types: st.SearchStrategy[Type]) -> tuple[Field, ...]:
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    return tuple(draw(field(types, name)) for name in names)


TYPES = st.recursive(
    st.one_of(SCALARS, OPTIONS.map(lambda values: LiteralOf(tuple(values))), _special()),
    _larger,
    max_leaves=8,
)


@st.composite
def signatures(draw: st.DrawFn) -> SignatureSpec:
    fields = draw(_fields(TYPES))
    cut = draw(st.integers(0, len(fields) - 1))
    return SignatureSpec(fields[:cut], fields[cut:], draw(TEXT), draw(TEXT))


@given(TYPES)
def test_every_type_reads_back_from_its_text(type_: Type) -> None:
    assert parse_type(type_text(type_)) == type_


@given(signatures())
def test_every_signature_reads_back_from_its_text(spec: SignatureSpec) -> None:
    assert parse_signature(signature_text(spec), instructions=spec.instructions, name=spec.name) == spec


@given(signatures())
def test_every_signature_reads_back_from_its_map(spec: SignatureSpec) -> None:
    assert read_signature(signature_map(spec)) == spec


@given(signatures())
def test_canonical_text_is_a_fixed_point(spec: SignatureSpec) -> None:
    text = signature_text(spec)
    assert signature_text(parse_signature(text)) == text


def read_or_refuse(text: str) -> SignatureSpec | SignatureError:
    try:
        return parse_signature(text)
    except SignatureError as error:
        return error


WORDS = [*"abq ,:[]{}|=?.()\"'\\", "->", "list", "dict", "Literal", "str", "int", "None", "1", "-2.5e3"]


@given(st.one_of(st.text(max_size=80), st.lists(st.sampled_from(WORDS), max_size=25).map("".join)))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    outcome = read_or_refuse(text)
    if isinstance(outcome, SignatureError):
        assert outcome.position is None or 0 <= outcome.position <= len(text)
        assert str(outcome)
    else:
        assert parse_signature(signature_text(outcome)) == outcome


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), INTEGERS, st.floats(allow_nan=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)
FIELD_LISTS = st.fixed_dictionaries(
    {},
    optional={
        "inputs": st.lists(
            st.one_of(JSON, NAMES, st.fixed_dictionaries({"name": NAMES}, optional={"type": JSON}))
        ),
        "outputs": st.lists(st.one_of(JSON, NAMES)),
        "instructions": JSON,
    },
)


@given(st.one_of(JSON, FIELD_LISTS))
def test_any_json_is_read_as_a_signature_or_refused_with_its_path(raw: object) -> None:
    try:
        outcome: SignatureSpec | SignatureError = read_signature(raw)
    except SignatureError as error:
        outcome = error
    if isinstance(outcome, SignatureError):
        assert outcome.path.startswith("$.signature")
    else:
        assert read_signature(signature_map(outcome)) == outcome


@given(TYPES, JSON)
def test_checking_never_fails_and_always_says_where(type_: Type, value: object) -> None:
    for problem in check_value_type(type_, value):
        assert problem.path.startswith("$")
        assert problem.message


@given(st.data(), SCALARS)
def test_a_value_of_its_type_has_no_problem(data: st.DataObject, type_: Type) -> None:
    value = data.draw(fitting(type_))
    assert check_value_type(type_, value) == []
    assert check_value_type(ListOf(type_), [value]) == []
    assert check_value_type(optional_of(type_), None) == []
    assert check_value_type(union_of((type_, NONE)), value) == []
    assert not (isinstance(value, float) and math.isnan(value))
