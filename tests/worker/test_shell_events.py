"""The queue of events that wait for the pipe: bounded, in order, and only progress gives way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dspash_protocol import EventKind
from dspash_worker.events import MAX_WAITING, EventQueue

KINDS = st.lists(st.sampled_from([EventKind.ITEM, EventKind.PROGRESS]), max_size=3 * MAX_WAITING)


@given(kinds=KINDS, taken=st.lists(st.integers(0, 3 * MAX_WAITING), max_size=20))
def test_items_are_all_kept_in_order_and_progress_keeps_its_latest(
    kinds: list[EventKind], taken: list[int]
) -> None:
    queue, sent, kept_items = EventQueue(), [], []
    takes = set(taken)
    for number, kind in enumerate(kinds):
        if kind is EventKind.ITEM and not queue.has_room():
            sent.append(queue.take())  # what the pipe would do while the emitter waits
        queue.put(kind, b"%d" % number)
        if kind is EventKind.ITEM:
            kept_items.append(b"%d" % number)
        if number in takes and queue:
            sent.append(queue.take())
        assert len(queue) <= MAX_WAITING + 1
    while queue:
        sent.append(queue.take())
    numbers = [int(frame) for frame in sent]
    assert numbers == sorted(set(numbers))
    assert [frame for frame in sent if kinds[int(frame)] is EventKind.ITEM] == kept_items
    if EventKind.PROGRESS in kinds:
        assert len(kinds) - 1 - kinds[::-1].index(EventKind.PROGRESS) in numbers
    assert queue.merged == len(kinds) - len(sent)


def test_the_single_event_is_never_merged() -> None:
    queue = EventQueue()
    queue.put(EventKind.STARTED, b"started")
    for _ in range(2 * MAX_WAITING):
        queue.put(EventKind.PROGRESS, b"progress")
    assert len(queue) == MAX_WAITING
    assert queue.take() == b"started"


def test_progress_among_items_only_finds_one_place_of_its_own() -> None:
    queue = EventQueue()
    for _ in range(MAX_WAITING):
        queue.put(EventKind.ITEM, b"item")
    assert not queue.has_room()
    for number in range(5):
        queue.put(EventKind.PROGRESS, b"%d" % number)
    assert len(queue) == MAX_WAITING + 1
    assert queue.has_room()  # an item may take the progress's place
    queue.put(EventKind.ITEM, b"last")
    assert len(queue) == MAX_WAITING + 1
    assert not queue.has_room()
