"""Codecs: every value survives both; what one side may not send, the other does not accept."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_strategies import bad_values, keys, lists_within_lists, same, wire_maps

from dspash_protocol import (
    BYTES_TAG,
    MAX_DEPTH,
    Codec,
    InvalidPayloadError,
    InvalidValueError,
    codec_of,
    decode,
    encode,
)
from dspash_protocol import codec as codec_module

codecs = st.sampled_from(Codec)


@given(wire_maps, codecs)
def test_every_value_survives(value: dict[str, Any], codec: Codec) -> None:
    payload = encode(value, codec)
    assert codec_of(payload) is codec
    assert same(decode(payload), value)


@given(wire_maps)
def test_both_codecs_mean_the_same(value: dict[str, Any]) -> None:
    assert same(decode(encode(value, Codec.JSON)), decode(encode(value, Codec.MSGPACK)))


@given(wire_maps)
def test_json_is_json_to_others(value: dict[str, Any]) -> None:
    def in_tags(item: Any) -> Any:
        match item:
            case bytes():
                return {BYTES_TAG: base64.b64encode(item).decode()}
            case list():
                return [in_tags(one) for one in item]
            case dict():
                return {key: in_tags(one) for key, one in item.items()}
            case _:
                return item

    assert same(json.loads(encode(value, Codec.JSON)), in_tags(value))


@given(wire_maps)
def test_msgpack_is_msgpack_to_others(value: dict[str, Any]) -> None:
    assert same(msgpack.unpackb(encode(value, Codec.MSGPACK)), value)


@given(wire_maps, codecs, st.integers(1))
def test_a_payload_cut_short_is_refused(value: dict[str, Any], codec: Codec, at: int) -> None:
    payload = encode(value, codec)
    with pytest.raises(InvalidPayloadError):
        decode(payload[: at % len(payload)])


@given(wire_maps, codecs, st.binary(min_size=1).filter(lambda rest: rest.strip(b" \t\r\n") != b""))
def test_a_payload_with_something_behind_it_is_refused(
    value: dict[str, Any], codec: Codec, rest: bytes
) -> None:
    with pytest.raises(InvalidPayloadError):
        decode(encode(value, codec) + rest)


@given(wire_maps, codecs, st.integers(0), st.integers(1, 255))
def test_a_flipped_byte_gives_a_value_that_could_be_sent_or_a_refusal(
    value: dict[str, Any], codec: Codec, at: int, flip: int
) -> None:
    payload = bytearray(encode(value, codec))
    payload[at % len(payload)] ^= flip
    assert_value_or_refusal(bytes(payload))


@given(
    st.binary(max_size=100),
    st.sampled_from([b"", b"{", b"\x81\xa1a", b"\x82\xa2id\x07\xa1x", b'{"id":7,"x":']),
)
def test_random_bytes_give_a_value_that_could_be_sent_or_a_refusal(rest: bytes, beginning: bytes) -> None:
    assert_value_or_refusal(beginning + rest)


def assert_value_or_refusal(payload: bytes) -> None:
    try:
        value = decode(payload)
    except InvalidPayloadError as error:
        refusal: tuple[str, str] | None = (error.path, error.problem)
    else:
        refusal = None
        assert type(value) is dict
        for codec in Codec:
            assert same(decode(encode(value, codec)), value)
    assert refusal is None or (refusal[0].startswith("$") and refusal[1])


@given(bad_values, codecs, keys, wire_maps)
def test_what_cannot_be_sent_is_refused_with_its_path(
    bad: tuple[Any, str], codec: Codec, key: str, rest: dict[str, Any]
) -> None:
    value, words = bad
    message = {**rest, "a": [{key: value}]}
    with pytest.raises(InvalidValueError, match=words) as caught:
        encode(message, codec)
    assert caught.value.path.startswith("$.a[0]")
    assert str(caught.value) == f"{caught.value.path}: {caught.value.problem}"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("form", [">d", ">f"])
def test_numbers_that_are_none_are_refused_wherever_they_stand(number: float, form: str) -> None:
    mark = b"\xcb" if form == ">d" else b"\xca"
    packed = mark + struct.pack(form, number)
    for payload, path in (
        (b"\x81\xa1a" + packed, "$.a"),
        (b"\x81\xa1a\x92\x01" + packed, "$.a[1]"),
        (b"\x81\xa1a\x81\xa1b" + packed, "$.a.b"),
    ):
        with pytest.raises(InvalidPayloadError, match="finite") as caught:
            decode(payload)
        assert caught.value.path == path


@given(st.integers(-128, 127), st.binary(max_size=20))
def test_no_extension_type_is_read(code: int, data: bytes) -> None:
    packed = msgpack.packb({"id": 7, "x": [msgpack.ExtType(code & 0x7F, data)]})
    packed = packed.replace(bytes([code & 0x7F]) + data, bytes([code & 0xFF]) + data) if code < 0 else packed
    with pytest.raises(InvalidPayloadError):
        decode(packed)


@pytest.mark.parametrize("codec", Codec)
def test_the_deepest_value_passes_and_one_deeper_does_not(codec: Codec) -> None:
    fits = {"a": lists_within_lists(MAX_DEPTH - 1)}
    assert decode(encode(fits, codec)) == fits
    with pytest.raises(InvalidValueError, match="nested too deeply"):
        encode({"a": lists_within_lists(MAX_DEPTH)}, codec)
    deeper = json.dumps({"a": lists_within_lists(MAX_DEPTH)}).encode()
    if codec is Codec.MSGPACK:
        deeper = msgpack.packb({"a": lists_within_lists(MAX_DEPTH)})
    with pytest.raises(InvalidPayloadError, match="nested too deeply"):
        decode(deeper)


@pytest.mark.parametrize("codec", Codec)
def test_a_value_that_contains_itself_is_refused(codec: Codec) -> None:
    value: dict[str, Any] = {}
    value["again"] = [value]
    with pytest.raises(InvalidValueError, match="nested too deeply") as caught:
        encode(value, codec)
    assert caught.value.path == "$.again[0]….again[0]"


@given(st.integers(1, 200), codecs)
def test_a_payload_of_any_depth_is_read_or_refused(levels: int, codec: Codec) -> None:
    value = {"a": lists_within_lists(levels)}
    payload = json.dumps(value).encode() if codec is Codec.JSON else msgpack.packb(value)
    if levels < MAX_DEPTH:
        assert decode(payload) == value
    else:
        with pytest.raises(InvalidPayloadError, match="nested too deeply"):
            decode(payload)


def test_lists_that_are_announced_and_not_there_cost_nothing_like_their_size() -> None:
    import tracemalloc

    bomb = b"\x81\xa1a" + b"\xdd\x00\x0f\xff\xff" * 500 + bytes(1 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidPayloadError):
            decode(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * len(bomb)


def test_an_empty_payload_has_no_codec() -> None:
    with pytest.raises(InvalidPayloadError, match="empty"):
        codec_of(b"")


@given(st.integers(0, 255))
def test_the_first_byte_tells_the_codec_or_the_payload_is_no_map(first: int) -> None:
    payload = bytes([first])
    if payload == b"{":
        assert codec_of(payload) is Codec.JSON
    elif 0x80 <= first <= 0x8F or first in (0xDE, 0xDF):
        assert codec_of(payload) is Codec.MSGPACK
    else:
        with pytest.raises(InvalidPayloadError, match=f"{first:#04x}"):
            codec_of(payload)


# --- msgpack read at a glance: no payload is to mean something else than to whoever looks closer ---


def outcome(payload: bytes) -> tuple[str, Any]:
    try:
        return "read", decode(payload)
    except InvalidPayloadError as error:
        return "refused", (error.path, error.problem, error.request_id)


def outcome_of_a_close_look(payload: bytes) -> tuple[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec_module, "_read_plain", lambda _payload: None)
        return outcome(payload)


def assert_same_outcome(payload: bytes) -> None:
    (kind, seen), (kind_closely, seen_closely) = outcome(payload), outcome_of_a_close_look(payload)
    assert kind == kind_closely
    assert same(seen, seen_closely) if kind == "read" else seen == seen_closely


@given(wire_maps, st.integers(0, 2**16), st.integers(0, 255))
def test_a_glance_reads_damaged_payloads_as_a_close_look_does(
    value: dict[str, Any], place: int, byte: int
) -> None:
    payload = bytearray(encode(value, Codec.MSGPACK))
    place %= len(payload)
    payload[place] = byte
    if payload[0] in range(0x80, 0x90):
        assert_same_outcome(bytes(payload))
        assert_same_outcome(bytes(payload[:place]) or bytes(payload))


@pytest.mark.parametrize(
    "payload",
    [
        bytes.fromhex("82a16101a16102"),  # a key twice
        bytes.fromhex("81a16182a16201a16202"),  # the same inside
        bytes.fromhex("81d9016101"),  # a text longer than it need be
        bytes.fromhex("81a161cd0001"),  # an integer longer than it need be
        bytes.fromhex("81a161cb7ff8000000000000"),  # NaN
        bytes.fromhex("81a161ca7f800000"),  # an infinity
        bytes.fromhex("81c4016101"),  # bytes as a key
        bytes.fromhex("810101"),  # an integer as a key
        bytes.fromhex("81c001"),  # nil as a key
        bytes.fromhex("81a161d6ff00000000"),  # a timestamp
        bytes.fromhex("81a161c1"),  # what is never used
        bytes.fromhex("81a161a1ff"),  # no UTF-8
        bytes.fromhex("81a161a3eda080"),  # a lone surrogate
        bytes.fromhex("81a1610101"),  # something behind
        bytes.fromhex("81a161"),  # nothing where something was said
        bytes.fromhex("81a161dd7fffffff"),  # a list that is not there
        msgpack.packb({"a": {BYTES_TAG: "AAAA"}}),
        msgpack.packb({"a": {BYTES_TAG: "AAAA", "b": 1}}),
        msgpack.packb({"a": "$", "b": f"{BYTES_TAG}"}),
        msgpack.packb({"price": "$5"}),
        msgpack.packb({"a": lists_within_lists(MAX_DEPTH - 1)}),
        msgpack.packb({"a": lists_within_lists(MAX_DEPTH)}),
        msgpack.packb({"a": [[] for _ in range(MAX_DEPTH)]}),
    ],
)
def test_a_glance_never_passes_what_a_close_look_refuses(payload: bytes) -> None:
    assert_same_outcome(payload)
