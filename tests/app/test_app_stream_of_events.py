"""A stream of a call's events, on a call that the test itself tells and ends."""

from __future__ import annotations

import asyncio
import math
import threading
from typing import Any

import pytest

from dspash.app import stream as stream_module
from dspash.app.stream import Stream
from dspash.app.weight import weight_of
from dspash.bridge import Call, CallOptions
from dspash.errors import CallCancelledError, CallTimeoutError, OverloadedError
from dspash_protocol import Event, EventKind

BOUND_S = 10.0


class Scene:
    """A stream, and the call that it follows."""

    def __init__(self) -> None:
        self.stream: Stream[Any] = Stream(EventKind.ITEM, str.upper, lambda _call, result: ("result", result))
        self.call = Call("execute", {}, CallOptions(60.0, on_event=self.stream.take), not_after=math.inf)
        self.stream.follow(self.call)
        self._seq = 0

    def tell(self, *pieces: str, kind: EventKind = EventKind.ITEM) -> None:
        for piece in pieces:
            self.stream.take(Event(1, kind, self._seq, piece))
            self._seq += 1


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_events_come_in_their_order_and_the_result_last(scene: Scene) -> None:
    scene.tell("a", "b")
    scene.tell("not for us", kind=EventKind.PROGRESS)
    scene.tell("c")
    scene.call.succeed(7)
    assert list(scene.stream) == ["A", "B", "C", ("result", 7)]


def test_async_iteration_gives_the_same(scene: Scene) -> None:
    async def read() -> list[Any]:
        return [item async for item in scene.stream]

    scene.tell("a", "b")
    scene.call.succeed(7)
    assert asyncio.run(asyncio.wait_for(read(), BOUND_S)) == ["A", "B", ("result", 7)]


def test_an_event_wakes_whoever_waits_for_it(scene: Scene) -> None:
    found: list[Any] = []

    async def read() -> None:
        async for item in scene.stream:
            found.append(item)
            if item == "A":
                scene.tell("b")
            else:
                scene.call.succeed(7)

    thread = threading.Thread(target=scene.tell, args=("a",))

    async def read_what_comes_later() -> None:
        reading = asyncio.create_task(read())
        await asyncio.sleep(0)  # it waits for the first event now
        thread.start()
        await asyncio.wait_for(reading, BOUND_S)

    asyncio.run(read_what_comes_later())
    thread.join(BOUND_S)
    assert found == ["A", "B", ("result", 7)]


def test_an_error_is_raised_where_the_next_event_would_have_come(scene: Scene) -> None:
    scene.tell("a")
    scene.call.time_out()
    reading = iter(scene.stream)
    assert next(reading) == "A"
    with pytest.raises(CallTimeoutError):
        next(reading)


@pytest.mark.parametrize("way", ["break", "close", "with"])
def test_leaving_early_cancels_the_call(scene: Scene, way: str) -> None:
    scene.tell("a", "b")
    match way:
        case "break":
            reading = iter(scene.stream)
            next(reading)
            del reading
        case "close":
            scene.stream.close()
        case _:
            with scene.stream:
                pass
    assert scene.call.has_ended
    with pytest.raises(CallCancelledError):
        scene.call.wait()


def test_a_consumer_that_lags_behind_loses_the_call(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "MAX_WAITING", 3)
    scene.tell("a", "b", "c")
    assert not scene.call.has_ended
    scene.tell("one too many")
    reading = iter(scene.stream)
    assert [next(reading) for _ in range(3)] == ["A", "B", "C"]
    with pytest.raises(OverloadedError):
        next(reading)


@pytest.mark.parametrize("item", ["x" * 400, ["x"] * 3000, {"x": [["x" * 400]]}])
def test_heavy_events_are_kept_up_to_their_weight(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, item: Any
) -> None:
    monkeypatch.setattr(stream_module, "MAX_WAITING_BYTES", 2 * weight_of(item))
    scene.tell(item, item)
    assert not scene.call.has_ended
    scene.tell(item)
    with pytest.raises(OverloadedError, match="events of a stream"):
        scene.call.wait()


def test_weight_that_was_taken_away_counts_no_more(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "MAX_WAITING_BYTES", 2 * weight_of("a"))
    reading = iter(scene.stream)
    for _ in range(5):
        scene.tell("a", "b")
        assert [next(reading), next(reading)] == ["A", "B"]
    assert not scene.call.has_ended


def test_items_alone_end_with_the_call_however_that_was(scene: Scene) -> None:
    scene.tell("a")
    scene.call.cancel("enough")
    assert list(scene.stream.items()) == ["A"]


def test_a_stream_that_follows_no_call_is_not_iterated() -> None:
    lonely: Stream[Any] = Stream(EventKind.ITEM, str, lambda _call, result: result)
    lonely.close()
    with pytest.raises(RuntimeError, match="follows a call"):
        next(iter(lonely))
