"""Request ids: found from a payload's beginning or end, and never taken from deeper down."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_strategies import integers, keys, wire_values

from dspash_protocol import Codec, encode
from dspash_protocol.request_id import find_id

members = st.lists(
    st.tuples(keys.filter(lambda key: key != "id"), wire_values), max_size=4, unique_by=lambda pair: pair[0]
)


def message_with(
    before: list[tuple[str, Any]], request_id: int, after: list[tuple[str, Any]]
) -> dict[str, Any]:
    """A message whose id stands where it is put, as far as the keys before and after are not the same."""
    message: dict[str, Any] = dict(before)
    message["id"] = request_id
    for key, value in after:
        message.setdefault(key, value)
    return message


@given(members, integers, members, st.sampled_from(Codec))
def test_the_id_is_found_in_a_whole_payload(
    before: list[tuple[str, Any]], request_id: int, after: list[tuple[str, Any]], codec: Codec
) -> None:
    payload = encode(message_with(before, request_id, after), codec)
    assert find_id(payload) == request_id


@given(members, integers, members, st.sampled_from(Codec), st.data())
def test_what_is_found_from_any_beginning_and_end_is_the_id(
    before: list[tuple[str, Any]],
    request_id: int,
    after: list[tuple[str, Any]],
    codec: Codec,
    data: st.DataObject,
) -> None:
    nested = {"id": 5, "args": {"id": 6, "rows": [{"id": 7}]}}
    payload = encode(message_with([*before, ("a", nested)], request_id, [*after, ("z", nested)]), codec)
    head, tail = (data.draw(st.integers(0, len(payload))) for _ in range(2))
    assert find_id(payload[:head], payload[tail:]) in (request_id, None)


@given(
    members, integers, st.lists(st.tuples(keys, integers | st.booleans() | st.none()), max_size=3), st.data()
)
def test_in_json_the_id_is_found_when_only_scalars_follow_it(
    before: list[tuple[str, Any]], request_id: int, after: list[tuple[str, Any]], data: st.DataObject
) -> None:
    plain = [(key, value) for key, value in after if key.isalnum()]
    message = message_with([("args", {"id": 5, "x": "y" * 600}), *before], request_id, plain)
    payload = encode(message, Codec.JSON)
    behind = payload.rindex(b'"id":')
    tail = data.draw(st.integers(0, behind - 1))
    assert find_id(payload[:512], payload[tail:]) == request_id


@pytest.mark.parametrize(
    ("head", "tail", "found"),
    [
        (b'{"id":71', b"", None),
        (b'{"id":71 7', b"", None),
        (b'{"id":71,', b"", 71),
        (b'{"id":71}', b"", 71),
        (b'{ "id" : 71 ,', b"", 71),
        (b'{"id":', b"", None),
        (b'{"id"', b"", None),
        (b'{"id" 7,', b"", None),
        (b'{"id":"7",', b"", None),
        (b'{"id":7.5,', b"", None),
        (b'{"id":true,', b"", None),
        (b'{"command":"a","id":7,', b"", 7),
        (b'{"args":{"id":5},"id":7,', b"", 7),
        (b'{"args":{"id":5}', b"", None),
        (b'{"args":{"id":5,"x":"', b'"},"id":7}', 7),
        (b'{"args":{"id":5,"x":"', b'"},"id": -7 , "command" : "a" , "timeout_ms":5}\n', -7),
        (b'{"args":{"x":"', b'","id":5}}', None),
        (b'{"args":{"x":"', b'","id":5},"command":"a"}', None),
        (b'{"args":{"x":"', b'"},"id":7,"more":{"a":1}}', None),
        (b'{"args":{"x":"', b'"},"id":7,"more":[1]}', None),
        (b'{"args":{"x":"', b'"},"id":7', None),
        (b"{", b"}", None),
        (b'{"id":18446744073709551616,', b"", None),
        (b'{"args":{"x":"', b'"},"id":18446744073709551615}', 2**64 - 1),
        (b'{"args":{"x":"', b'"},"id":18446744073709551616}', None),
        (b"", b"", None),
        (b"\x82\xa2id\x07", b"", 7),
        (b"\x82\xa2id\xd1\x80", b"", None),
        (b"\x82\xa2id\xa17", b"", None),
        (b"\x82\xa4args\x81\xa2id\x05\xa2id\x07", b"", 7),
        (b"\x82\xa4args\x81\xa2id\x05", b"\xa2id\x07", None),
        (b"\x82\x91\x01\x02\xa2id\x07", b"", 7),
        (b"\x82\xa1a\x81\x80\x01\xa2id\x07", b"", None),
        (b"\xc1", b"", None),
        (b"\x81\xa1a\xdd\x7f\xff\xff\xff", b"", None),
    ],
)
def test_only_an_id_of_the_message_itself_counts(head: bytes, tail: bytes, found: int | None) -> None:
    assert find_id(head, tail) == found


@given(
    st.binary(max_size=60),
    st.binary(max_size=60),
    st.sampled_from([b"", b"{", b'{"id":', b"\x82", b"\x82\xa2id"]),
)
def test_damaged_bytes_never_raise(head: bytes, tail: bytes, beginning: bytes) -> None:
    found = find_id(beginning + head, tail)
    assert found is None or type(found) is int
