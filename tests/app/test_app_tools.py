"""Tools are described from what Python knows of a function, and reach their own programs only."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal

import pytest

import dspash
from dspash.app.tools import Toolbox, tool_of


def search(query: str, k: int = 3, kind: Literal["passage", "title"] = "passage", **_more: Any) -> list[str]:
    """Find passages.

    The best come first.
    """
    return [f"{kind} {number} about {query}" for number in range(k)]


def test_a_function_is_described_by_its_name_docstring_and_parameters() -> None:
    assert tool_of("search", search).to_map() == {
        "name": "search",
        "desc": "Find passages.\n\nThe best come first.",
        "args": {
            "query": {"type": "string"},
            "k": {"type": "integer", "default": 3},
            "kind": {"enum": ["passage", "title"], "type": "string", "default": "passage"},
        },
    }


def unresolved(place: str) -> str:
    return place


unresolved.__annotations__["place"] = "Nowhere"


def test_what_is_not_known_of_a_parameter_is_left_out() -> None:
    assert tool_of("t", lambda a, b=None: a).args == {"a": {}, "b": {"default": None}}
    assert tool_of("t", unresolved).args == {"place": {}}
    assert list(tool_of("t", functools.partial(search, k=1)).args) == ["query", "k", "kind"]


@pytest.mark.parametrize("function", ["text".center, len, max], ids=["method", "function", "no signature"])
def test_a_function_that_cannot_be_called_by_names_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(dspash.ConfigurationError) as refused:
        tool_of("t", function)
    assert refused.value.path == "tools['t']"


@pytest.mark.parametrize("name", ["two words", "", "1st", "class", "a.b"])
def test_a_name_that_no_program_can_call_is_refused(name: str) -> None:
    with pytest.raises(dspash.ConfigurationError) as refused:
        tool_of(name, search)
    assert refused.value.path == f"tools[{name!r}]"


def test_each_owner_has_its_own_tools_until_it_is_forgotten() -> None:
    toolbox = Toolbox()
    toolbox.put("a", {"search": tool_of("search", search)})
    toolbox.put("b", {"find": tool_of("find", search)})
    assert (set(toolbox.of("a")), set(toolbox.of("b"))) == ({"search"}, {"find"})
    assert dict(toolbox.of(None)) == dict(toolbox.of("c")) == {}
    toolbox.put("b", {})
    toolbox.forget("a")
    assert dict(toolbox.of("a")) == dict(toolbox.of("b")) == {}
