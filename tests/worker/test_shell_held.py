"""A call's last event goes out with its answer: behind what was said before, in one write where nothing waits."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from dspash_protocol import EventKind
from dspash_worker.events import EventQueue
from dspash_worker.writer import Writer

LARGE = b"x" * (1 << 20)  # more than a pipe takes at once


class Pipe:
    """A writer, and what comes out at the other end."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        for descriptor in (self.reading, self.writing):
            os.set_blocking(descriptor, False)
        self.writer = Writer(self.writing, on_backlog=lambda: None)

    def read(self) -> bytes:
        """What one read finds."""
        try:
            return os.read(self.reading, 1 << 21)
        except BlockingIOError:
            return b""

    def drain(self) -> bytes:
        """All that was written, and all that waits."""
        parts: list[bytes] = []
        while part := self.read():
            parts.append(part)
            self.writer.drain()
        return b"".join(parts)

    def close(self) -> None:
        os.close(self.reading)
        os.close(self.writing)


@pytest.fixture
def pipe() -> Generator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_a_held_event_waits_for_the_answer_and_goes_with_it(pipe: Pipe) -> None:
    events = EventQueue()
    pipe.writer.put_event(EventKind.PROGRESS, b"progress ", events, lambda: None)
    pipe.writer.hold_event(EventKind.TRACE, b"trace ", events)
    assert pipe.read() == b"progress "
    pipe.writer.put_last(b"answer", events)
    assert pipe.read() == b"trace answer"


def test_behind_what_waits_the_order_is_the_same(pipe: Pipe) -> None:
    events = EventQueue()
    pipe.writer.put(LARGE)
    pipe.writer.put_event(EventKind.ITEM, b"item ", events, lambda: None)
    pipe.writer.hold_event(EventKind.TRACE, b"trace ", events)
    pipe.writer.put_last(b"answer", events)
    assert pipe.drain() == LARGE + b"item trace answer"


def test_once_answered_a_call_holds_nothing_more(pipe: Pipe) -> None:
    events = EventQueue()
    pipe.writer.put_last(b"answer", events)
    pipe.writer.hold_event(EventKind.TRACE, b"late", events)
    pipe.writer.put(b" next")
    assert pipe.drain() == b"answer next"


def test_nothing_is_held_for_a_pipe_that_is_gone(pipe: Pipe) -> None:
    pipe.writer.close()
    with pytest.raises(ConnectionError):
        pipe.writer.hold_event(EventKind.TRACE, b"trace", EventQueue())
