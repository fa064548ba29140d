"""Wire values: what may be sent, and the path to what may not."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from wire_strategies import bad_values, keys, lists_within_lists, wire_values

from dspash_protocol import (
    MAX_VALUE_DEPTH,
    Codec,
    Event,
    InvalidValueError,
    check_value,
    decode,
    encode,
    find_problem,
)
from dspash_protocol.values import bytes_to_tag


class _Colour(StrEnum):
    RED = "red"


class _Rank(IntEnum):
    FIRST = 1


class _Text(str):
    __slots__ = ()


class _Number(float):
    __slots__ = ()


class _Point(NamedTuple):
    x: int
    y: int


@given(wire_values)
def test_every_wire_value_passes(value: Any) -> None:
    check_value(value)
    assert find_problem(value) is None


@given(bad_values)
def test_a_bad_value_alone_is_found_at_the_root(bad: tuple[Any, str]) -> None:
    value, words = bad
    with pytest.raises(InvalidValueError, match=words) as caught:
        check_value(value, at="$.inputs")
    assert caught.value.path == "$.inputs"


@given(bad_values, keys)
def test_a_bad_value_is_found_where_it_stands(bad: tuple[Any, str], key: str) -> None:
    value, words = bad
    found = find_problem({"ok": 1, "rows": [{"ok": 2}, {key: (1, value)}]})
    assert found is not None
    path, problem = found
    step = f".{key}" if key.isidentifier() else f"[{key[:60]!r}]"
    assert path == f".rows[1]{step}[1]"
    assert words in problem


def test_the_first_of_several_problems_is_told() -> None:
    assert find_problem({"a": 1, "b": object(), "c": float("nan")}) == (".b", "object is not a wire value")


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (_Colour.RED, "red"),
        (_Rank.FIRST, 1),
        (_Text("text"), "text"),
        (_Number(0.5), 0.5),
        ((1, (2, 3)), [1, [2, 3]]),
        (_Point(1, 2), [1, 2]),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        ({_Colour.RED: 1}, {"red": 1}),
    ],
)
@pytest.mark.parametrize("codec", Codec)
def test_kinds_of_a_wire_type_are_written_as_that_type(value: Any, read: Any, codec: Codec) -> None:
    check_value(value)
    assert decode(encode({"x": value}, codec)) == {"x": read}


class _Treacherous:
    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__

    def __hash__(self) -> int:
        return 1


@pytest.mark.parametrize("value", [_Treacherous(), [_Treacherous()], {_Treacherous(): 1}])
def test_a_value_that_cannot_even_be_shown_is_refused_by_its_type(value: Any) -> None:
    with pytest.raises(InvalidValueError, match="_Treacherous"):
        check_value(value)


def test_the_deepest_value_that_passes_fits_every_message() -> None:
    value = lists_within_lists(MAX_VALUE_DEPTH)
    check_value(value)
    for codec in Codec:
        message = Event(1, "item", 0, value).to_map()
        assert decode(encode(message, codec)) == message
    with pytest.raises(InvalidValueError, match="nested too deeply"):
        check_value([value])


def test_a_long_path_is_told_by_its_ends() -> None:
    value: Any = float("nan")
    for level in range(50):
        value = {f"k{level}": value}
    assert find_problem(value) == (".k49.k48….k1.k0", "nan is not a finite number")


def test_a_long_key_is_told_by_its_beginning() -> None:
    assert find_problem({"a b" * 100: object()}) == (
        f"[{('a b' * 100)[:60]!r}]",
        "object is not a wire value",
    )


def test_only_bytes_become_a_tag() -> None:
    assert bytes_to_tag(b"hi") == {"$bytes": "aGk="}
    with pytest.raises(TypeError, match="complex"):
        bytes_to_tag(1j)
