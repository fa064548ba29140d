"""Framing: any chunking gives the same frames; nothing damaged is ever taken for whole."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wire_strategies import chunkings

from dspash_protocol import (
    HEADER_BYTES,
    SKIP_LIMIT,
    BrokenFramingError,
    FrameDecoder,
    FrameTooLargeError,
    Oversized,
    TruncatedFrameError,
    encode_frame,
)

LIMIT = 32

payload_lists = st.lists(st.binary(max_size=2 * LIMIT), max_size=6)


def stream_of(payloads: list[bytes]) -> bytes:
    return b"".join(struct.pack(">I", len(payload)) + payload for payload in payloads)


def content(frame: bytes | Oversized) -> bytes | int:
    return frame if isinstance(frame, bytes) else frame.length


def expected(payloads: list[bytes]) -> list[bytes | int]:
    return [payload if len(payload) <= LIMIT else len(payload) for payload in payloads]


@given(st.data(), payload_lists, st.sampled_from([bytes, bytearray, memoryview]))
def test_any_chunking_gives_the_same_frames(
    data: st.DataObject, payloads: list[bytes], kind: type[bytes | bytearray | memoryview]
) -> None:
    decoder = FrameDecoder(max_frame=LIMIT)
    chunks = data.draw(chunkings(stream_of(payloads)))
    frames = [frame for chunk in chunks for frame in decoder.feed(kind(chunk))]
    decoder.eof()
    assert [content(frame) for frame in frames] == expected(payloads)
    assert all(type(frame) in (bytes, Oversized) for frame in frames)


@given(payload_lists, st.integers(1))
def test_truncated_stream_never_ends_quietly(payloads: list[bytes], at: int) -> None:
    stream = stream_of(payloads)
    cut = at % (len(stream) + 1)
    whole = [len(stream_of(payloads[:count])) for count in range(len(payloads) + 1)]
    decoder = FrameDecoder(max_frame=LIMIT)
    frames = decoder.feed(stream[:cut])
    assert [content(frame) for frame in frames] == expected(payloads[: sum(end <= cut for end in whole) - 1])
    assert decoder.mid_frame is (cut not in whole)
    if cut in whole:
        decoder.eof()
    else:
        with pytest.raises(TruncatedFrameError):
            decoder.eof()


@given(payload_lists.filter(any), st.integers(0), st.integers(1, 255))
@example([b"{}"], 0, 0x20)
def test_a_flipped_byte_never_gives_more_than_came(payloads: list[bytes], at: int, flip: int) -> None:
    stream = bytearray(stream_of(payloads))
    stream[at % len(stream)] ^= flip
    decoder = FrameDecoder(max_frame=LIMIT)
    try:
        frames = decoder.feed(stream)
    except BrokenFramingError as error:
        frames = list(error.received)
    lengths = [len(frame) if isinstance(frame, bytes) else frame.length for frame in frames]
    assert sum(lengths) + HEADER_BYTES * len(frames) <= len(stream)
    assert all(length <= LIMIT for length, frame in zip(lengths, frames, strict=True) if type(frame) is bytes)


@given(st.binary(max_size=200))
def test_random_bytes_never_give_more_than_came(stream: bytes) -> None:
    whole = FrameDecoder(max_frame=LIMIT)
    single = FrameDecoder(max_frame=LIMIT)
    seen: list[list[bytes | int]] = [[], []]
    ends: list[type[Exception] | None] = [None, None]
    for index, (decoder, size) in enumerate([(whole, len(stream)), (single, 1)]):
        try:
            for start in range(0, len(stream), size or 1):
                seen[index] += [content(frame) for frame in decoder.feed(stream[start : start + size])]
            decoder.eof()
        except BrokenFramingError as error:
            seen[index] += [content(frame) for frame in error.received]
            ends[index] = type(error)
    assert seen[0] == seen[1]
    assert ends[0] == ends[1]


@given(st.data(), st.binary(min_size=700, max_size=1500))
def test_a_skipped_frame_keeps_how_it_began_and_ended(data: st.DataObject, payload: bytes) -> None:
    decoder = FrameDecoder(max_frame=LIMIT)
    chunks = data.draw(chunkings(stream_of([payload])))
    (frame,) = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    assert frame == Oversized(len(payload), LIMIT, payload[:512], payload[-128:])


def test_a_frame_over_the_limit_is_not_buffered() -> None:
    decoder = FrameDecoder(max_frame=LIMIT)
    decoder.feed(struct.pack(">I", SKIP_LIMIT - 1))
    for _ in range(100):
        assert decoder.feed(b"x" * 1000) == []
    assert repr(decoder) == f"<FrameDecoder 100000 of {SKIP_LIMIT - 1} bytes skipped>"
    assert len(decoder._buffer) == 0


@pytest.mark.parametrize("stray", [b"Hello, world\n", b"\x20\x00\x00\x00", b"\xff\xff\xff\xff"])
def test_stray_text_breaks_the_stream_and_is_shown(stray: bytes) -> None:
    decoder = FrameDecoder()
    with pytest.raises(BrokenFramingError) as caught:
        decoder.feed(b"\x00\x00\x00\x02{}" + stray)
    assert caught.value.received == [b"{}"]
    assert repr(stray) in str(caught.value)
    with pytest.raises(BrokenFramingError) as again:
        decoder.feed(b"\x00\x00\x00\x02{}")
    assert again.value.received == ()
    assert str(again.value) == str(caught.value)
    assert repr(decoder) == f"<FrameDecoder {caught.value}>"


def test_nothing_follows_the_end() -> None:
    decoder = FrameDecoder()
    decoder.eof()
    with pytest.raises(BrokenFramingError, match="had ended"):
        decoder.feed(b"\x00\x00\x00\x02{}")


@pytest.mark.parametrize(
    ("stream", "told"),
    [
        (b"\x00", "1 of 4 header bytes"),
        (b"\x00\x00\x00\x05", "0 of 5 bytes"),
        (b"\x00\x00\x00\x05ab", "2 of 5 bytes"),
        (b"\x00\x00\x01\x00ab", "2 of 256 bytes skipped"),
    ],
)
def test_the_end_inside_a_frame_says_how_far_it_came(stream: bytes, told: str) -> None:
    decoder = FrameDecoder(max_frame=LIMIT)
    for byte in stream:
        decoder.feed(bytes([byte]))
    assert repr(decoder) == f"<FrameDecoder {told}>"
    with pytest.raises(TruncatedFrameError, match=told):
        decoder.eof()


@given(st.binary(max_size=100))
def test_a_frame_is_its_length_and_its_payload(payload: bytes) -> None:
    frame = encode_frame(payload)
    assert frame == len(payload).to_bytes(4, "big") + payload
    assert FrameDecoder().feed(frame) == [payload]


def test_a_payload_over_the_limit_is_not_framed() -> None:
    assert len(encode_frame(b"x" * LIMIT, max_frame=LIMIT)) == HEADER_BYTES + LIMIT
    with pytest.raises(FrameTooLargeError) as caught:
        encode_frame(b"x" * (LIMIT + 1), max_frame=LIMIT)
    assert (caught.value.size, caught.value.limit) == (LIMIT + 1, LIMIT)


@pytest.mark.parametrize("limit", [-1, 0, SKIP_LIMIT])
def test_a_limit_that_no_frame_or_any_text_would_meet_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="max_frame"):
        FrameDecoder(max_frame=limit)


class _Huge(bytes):
    """A payload that only says how long it is."""

    __slots__ = ()

    def __len__(self) -> int:
        return SKIP_LIMIT


def test_a_payload_that_would_be_taken_for_text_is_not_framed_under_any_limit() -> None:
    with pytest.raises(FrameTooLargeError) as caught:
        encode_frame(_Huge(), max_frame=2 * SKIP_LIMIT)
    assert caught.value.limit == SKIP_LIMIT - 1
