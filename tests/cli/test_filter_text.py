"""FilterText: conditions as they are typed, to filters."""

from __future__ import annotations

from typing import Any

import pytest

from dspash import ConfigurationError
from dspash.cli.filter_text import read_filter_texts
from dspash.cli.value_text import Schema

ATTRIBUTES = {
    "name": Schema({"type": "string"}, {}),
    "score": Schema({"anyOf": [{"type": "number"}, {"type": "null"}]}, {}),
    "live": Schema({"type": "boolean"}, {}),
}


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("name=Baleen", {"name": {"eq": "Baleen"}}),
        ("name=7", {"name": {"eq": "7"}}),
        ("name=", {"name": {"eq": ""}}),
        ("name=a=b", {"name": {"eq": "a=b"}}),
        ("name!=Baleen", {"name": {"ne": "Baleen"}}),
        ("name~Bal%", {"name": {"like": "Bal%"}}),
        ("score>=0.5", {"score": {"gte": 0.5}}),
        (" score < 1 ", {"score": {"lt": 1}}),
        ("score=null", {"score": {"is_null": True}}),
        ("score!=null", {"score": {"is_null": False}}),
        ("live=true", {"live": {"eq": True}}),
        ('name=["a", "b"]', {"name": {"in": ["a", "b"]}}),
        ("unknown=x", {"unknown": {"eq": "x"}}),
        ('{"or": [{"name": "a"}]}', {"or": [{"name": "a"}]}),
    ],
)
def test_a_condition_is_read(text: str, condition: dict[str, Any]) -> None:
    assert read_filter_texts([text], ATTRIBUTES) == condition


def test_several_conditions_all_hold() -> None:
    assert read_filter_texts(["score>0", "score<1"], ATTRIBUTES) == {
        "and": [{"score": {"gt": 0}}, {"score": {"lt": 1}}]
    }


def test_no_condition_is_no_filter() -> None:
    assert read_filter_texts([], ATTRIBUTES) is None


@pytest.mark.parametrize("text", ["", "name", "=x", "na me=x", "{", "name=[1", "score>many", "score<=NaN"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--filter"):
        read_filter_texts([text], ATTRIBUTES)
