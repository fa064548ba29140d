"""What a host function returns travels as plain values; what has no such form is left for the protocol to name."""

from __future__ import annotations

from collections import UserDict
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel

from dspash.app.wire import to_wire
from dspash_protocol import InvalidValueError, check_value


@dataclass
class Place:
    name: str
    near: list[Place] = field(default_factory=list["Place"])


class City(BaseModel):
    name: str
    founded: int | None = None


class Count:
    """A number of numpy's, as far as the wire looks."""

    def item(self) -> int:
        return 3


@pytest.mark.parametrize(
    ("value", "travels_as"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        (b"\0", b"\0"),
        ("text", "text"),
        ((1, [2, (3,)]), [1, [2, [3]]]),
        (frozenset({1}), [1]),
        (UserDict({"a": (1,)}), {"a": [1]}),
        (Place("Dijon", [Place("Beaune")]), {"name": "Dijon", "near": [{"name": "Beaune", "near": []}]}),
        ([City(name="Dijon")], [{"name": "Dijon", "founded": None}]),
        ({"n": Count()}, {"n": 3}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_travels_as_plain_ones(value: Any, travels_as: Any) -> None:
    found = to_wire(value)
    assert found == travels_as
    assert type(found) is type(travels_as)
    check_value(found)


@pytest.mark.parametrize("value", [object(), Place, lambda: None], ids=["object", "class", "function"])
def test_what_has_no_form_on_the_wire_is_refused_there_by_its_place(value: Any) -> None:
    with pytest.raises(InvalidValueError) as refused:
        check_value(to_wire({"found": [1, value]}))
    assert refused.value.path == "$.found[1]"
