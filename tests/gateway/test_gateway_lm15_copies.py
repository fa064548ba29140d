"""Requests and answers cross between two copies of lm15, DSPy's own and the gateway's: what one writes, the other reads.

`golden/lm15.json` holds the maps that travel. Both copies drop in silence what they do not know, so each must give every
map back as it was, and a field that a new version brings is noticed here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import lm15.errors
import lm15.serde
import lm15.types
import pytest
from dspy._vendor.lm15 import errors as dspys_errors
from dspy._vendor.lm15 import serde as dspys_serde
from dspy._vendor.lm15 import types as dspys_types

from dspash.gateway import GatewayError

GOLDEN: Final[dict[str, dict[str, Any]]] = json.loads(
    Path(__file__).with_name("golden").joinpath("lm15.json").read_text(encoding="utf-8")
)


@dataclass(frozen=True)
class Copy:
    name: str
    serde: Any
    types: Any
    errors: Any

    def back(self, kind: str) -> Callable[[Any], Any]:
        """From a map of this kind to an object, and back."""
        form = {"requests": "request", "responses": "response", "events": "stream_event"}[kind]
        read, write = (getattr(self.serde, f"{form}_{end}") for end in ("from_dict", "to_dict"))
        return lambda told: write(read(told))


COPIES: Final = (
    Copy("the gateway's", lm15.serde, lm15.types, lm15.errors),
    Copy("DSPy's", dspys_serde, dspys_types, dspys_errors),
)
TRAVELS: Final = (
    *(
        "Request",
        "Message",
        "Config",
        "Reasoning",
        "CacheConfig",
        "ToolChoice",
        "FunctionTool",
        "BuiltinTool",
    ),
    *("TextPart", "ImagePart", "AudioPart", "VideoPart", "DocumentPart", "BinaryPart", "ToolCallPart"),
    *("ToolResultPart", "ThinkingPart", "RefusalPart", "CitationPart", "DataPart", "ContinuationState"),
    *("Response", "Usage", "TokenLogprob", "TopLogprob", "Adaptation", "ErrorDetail"),
    *("TextDelta", "ThinkingDelta", "AudioDelta", "ImageDelta", "ToolCallDelta", "CitationDelta"),
    *("ContinuationDelta", "StreamStartEvent", "StreamDeltaEvent", "StreamEndEvent", "StreamErrorEvent"),
)
LEFT_OUT: Final = {"path", "probabilities", "method", "http_response"}
"""Files of one machine, probabilities of choices, and a provider's raw reply to what failed: none of them is used."""


def failures(kind: type[GatewayError] = GatewayError) -> Iterator[type[GatewayError]]:
    """All that can go wrong at the gateway."""
    yield kind
    for narrower in kind.__subclasses__():
        yield from failures(narrower)


by_copy = pytest.mark.parametrize("copy", COPIES, ids=lambda copy: copy.name)


@by_copy
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, told in GOLDEN.items() for name in told])
def test_each_copy_gives_every_map_back_as_it_was(copy: Copy, kind: str, name: str) -> None:
    told = GOLDEN[kind][name]
    given = json.loads(json.dumps(copy.back(kind)(told)))  # as the wire has it: lists, and no tuples
    assert given == told


@by_copy
def test_every_field_that_travels_is_in_some_map(copy: Copy) -> None:
    told = set(_keys_in(GOLDEN))
    fields = {field.name for name in TRAVELS for field in dataclasses.fields(getattr(copy.types, name))}
    assert fields - told == LEFT_OUT


@pytest.mark.parametrize("name", TRAVELS)
def test_both_copies_have_the_same_fields(name: str) -> None:
    ours, dspys = ([field.name for field in dataclasses.fields(getattr(copy.types, name))] for copy in COPIES)
    assert ours == dspys


@pytest.mark.parametrize("code", sorted({kind.code for kind in failures()}))
def test_both_copies_know_the_failures_of_the_gateway_by_the_same_names(code: str) -> None:
    ours, dspys = (copy.errors.error_class_for_code(code).__name__ for copy in COPIES)
    assert ours == dspys
    assert (ours == "ProviderError") == (
        code == "provider"
    )  # which stands for whatever has no name of its own


def _keys_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _keys_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _keys_in(item)
