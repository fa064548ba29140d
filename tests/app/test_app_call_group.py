"""The calls of a group are cancelled together, however late one comes."""

from __future__ import annotations

import math
import threading
from typing import Any

from dspash.app.call_group import CallGroup
from dspash.bridge import Call, CallOptions
from dspash.errors import CallCancelledError

BOUND_S = 10.0


def make_call() -> Call:
    return Call("evaluate", {}, CallOptions(60.0), not_after=math.inf)


def outcome(call: Call) -> Any:
    """The call's result, or why it was cancelled."""
    assert call.has_ended
    try:
        return call.wait()
    except CallCancelledError as error:
        return error.reason


def test_cancelling_a_group_cancels_each_call_for_the_same_reason() -> None:
    group = CallGroup()
    calls = [group.add(make_call()) for _ in range(3)]
    calls[0].succeed("early")
    group.cancel("enough")
    assert [outcome(call) for call in calls] == ["early", "enough", "enough"]


def test_a_call_that_joins_a_cancelled_group_is_cancelled_at_once() -> None:
    group = CallGroup()
    group.cancel("enough")
    assert outcome(group.add(make_call())) == "enough"
    assert repr(group) == "<CallGroup calls=0>"


def test_no_call_slips_through_while_the_group_is_cancelled() -> None:
    for _ in range(50):
        group, together, calls = CallGroup(), threading.Barrier(3), list[Call]()
        adding = [threading.Thread(target=join, args=(group, together, calls), daemon=True) for _ in range(2)]
        for thread in adding:
            thread.start()
        together.wait(BOUND_S)
        group.cancel("enough")
        for thread in adding:
            thread.join(BOUND_S)
        assert [outcome(call) for call in calls] == ["enough"] * 10


def join(group: CallGroup, together: threading.Barrier, calls: list[Call]) -> None:
    """Put five calls into the group, at the same time as the others."""
    together.wait(BOUND_S)
    calls.extend(group.add(make_call()) for _ in range(5))
