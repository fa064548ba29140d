"""Outbox: bytes leave in the order in which they were put, in whatever pieces the pipe takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dspash_protocol import Outbox


@given(st.lists(st.binary(max_size=10), max_size=8), st.data())
def test_whatever_the_pipe_takes_the_bytes_leave_in_order(frames: list[bytes], data: st.DataObject) -> None:
    outbox = Outbox()
    skipped = [data.draw(st.integers(0, len(frame))) for frame in frames]
    for frame, written in zip(frames, skipped, strict=True):
        outbox.put(frame, written=written)
    waiting = b"".join(frame[written:] for frame, written in zip(frames, skipped, strict=True))
    taken = b""
    while outbox:
        assert outbox.waiting_bytes == len(waiting) - len(taken)
        piece = outbox.front()
        count = data.draw(st.integers(1, len(piece)))
        taken += piece[:count]
        outbox.took(count)
    assert taken == waiting
    assert outbox.waiting_bytes == 0


def test_a_cleared_outbox_holds_nothing() -> None:
    outbox = Outbox()
    outbox.put(b"abc")
    assert repr(outbox) == "<Outbox frames=1 bytes=3>"
    outbox.clear()
    assert not outbox
    assert outbox.waiting_bytes == 0


def test_a_pipe_that_takes_nothing_changes_nothing() -> None:
    outbox = Outbox()
    outbox.put(b"abc")
    outbox.took(0)
    assert (bytes(outbox.front()), outbox.waiting_bytes) == (b"abc", 3)
