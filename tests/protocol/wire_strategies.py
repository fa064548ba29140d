"""Strategies: wire values, what is none, messages and chunkings, for every property test of the protocol."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from dspash_protocol import (
    BYTES_TAG,
    MAX_INTEGER,
    MAX_TIMEOUT_MS,
    MIN_INTEGER,
    Cancel,
    Command,
    ErrorReply,
    Event,
    Fault,
    FaultKind,
    Message,
    Notice,
    Progress,
    Request,
    Result,
    ReverseCommand,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
keys = texts.filter(lambda key: key != BYTES_TAG)
integers = st.integers(MIN_INTEGER, MAX_INTEGER) | st.sampled_from(
    [0, -1, 127, 128, 255, 256, -32, -33, 2**31, 2**32, 2**53 + 1, MIN_INTEGER, MAX_INTEGER]
)
floats = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | integers | floats | texts | st.binary(max_size=40)


def _containers(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=4) | st.dictionaries(keys, values, max_size=4)


wire_values: st.SearchStrategy[Any] = st.recursive(scalars, _containers, max_leaves=15)
wire_maps: st.SearchStrategy[dict[str, Any]] = st.dictionaries(keys, wire_values, max_size=5)

# Each with the words its refusal is told in.
bad_values: st.SearchStrategy[tuple[Any, str]] = st.sampled_from(
    [
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (float("-inf"), "finite"),
        (MAX_INTEGER + 1, "wider than 64 bits"),
        (MIN_INTEGER - 1, "wider than 64 bits"),
        ("\ud800", "surrogate"),
        ("a\udfffb", "surrogate"),
        ({"\ud800": 1}, "surrogate"),
        ({BYTES_TAG: "aGk="}, "reserved"),
        ({1: 2}, "keys are text"),
        ({None: 2}, "keys are text"),
        ({b"a": 2}, "keys are text"),
        (object(), "not a wire value"),
        ({1, 2}, "not a wire value"),
        (bytearray(b"a"), "not a wire value"),
        (1j, "not a wire value"),
    ]
)

host_ids = st.integers(1, MAX_INTEGER)
worker_ids = st.integers(MIN_INTEGER, -1)

faults = st.builds(
    Fault,
    st.sampled_from(FaultKind),
    texts,
    texts,
    st.booleans(),
    st.sampled_from(Progress),
    wire_maps,
    st.none() | texts,
)


def _requests(ids: st.SearchStrategy[int], commands: st.SearchStrategy[str]) -> st.SearchStrategy[Request]:
    return st.builds(
        Request, ids, commands, wire_maps, st.none() | st.integers(0, MAX_TIMEOUT_MS), st.none() | texts
    )


messages: st.SearchStrategy[Message] = st.one_of(
    _requests(host_ids, st.sampled_from(Command) | texts),
    _requests(worker_ids, st.sampled_from(ReverseCommand) | texts),
    st.builds(Result, integers, wire_values),
    st.builds(ErrorReply, integers, faults),
    st.builds(Event, integers, texts, st.integers(0, MAX_INTEGER), wire_values),
    st.builds(Cancel, integers, texts),
    st.builds(Notice, texts, wire_maps),
)


@st.composite
def chunkings(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    """The same stream in pieces, some of them empty."""
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    return [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def lists_within_lists(levels: int) -> list[Any]:
    """An empty list in as many lists as make `levels` levels."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def same(left: object, right: object) -> bool:
    """Equal with the same types all the way down: True is not 1, 1 is not 1.0, 0.0 is not -0.0."""
    return repr(left) == repr(right)
