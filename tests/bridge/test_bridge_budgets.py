"""Budgets, evidence and requests to models: what an untrusted worker may say, and what is made of what it says."""

from __future__ import annotations

import errno
import signal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash.bridge.account import Account
from dspash.bridge.call import Measured
from dspash.bridge.evidence import overrun_behind
from dspash.bridge.lm_request import check_lm_request
from dspash.bridge.output_files import OutputFiles
from dspash.bridge.overrun import Limit, LimitOverrun
from dspash.bridge.stream_budget import FRAME_TIME_S, FRAMES_PER_S, StreamBudget
from dspash.errors import FrameTooLargeError, ProgramError, WorkerLostError
from dspash.sandbox import Limits
from dspash.supervision import Signalled
from dspash_protocol import Progress
from tests.leaks import wait_until

REQUEST: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "parts": [{"type": "text", "text": "hi"}]}],
    "config": {"temperature": 0.5, "max_tokens": 10},
    "tools": [{"type": "function", "name": "f", "parameters": {}}],
}


class Clock:
    """The time as the test says."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def budget(frames: int = 10, output_bytes: int = 100) -> tuple[StreamBudget, Clock]:
    clock = Clock()
    return StreamBudget(frames=frames, output_bytes=output_bytes, clock=clock), clock


def passed(action: Any) -> Limit:
    with pytest.raises(LimitOverrun) as caught:
        action()
    return caught.value.overrun.limit


# --- what it may say ---


def test_frames_are_counted_and_can_be_allowed_more() -> None:
    spent, _ = budget(frames=3)
    spent.take(100, 3, mid_frame=False)
    spent.allow(1)
    spent.take(100, 1, mid_frame=False)
    assert passed(lambda: spent.take(100, 1, mid_frame=False)) is Limit.FRAMES


def test_a_rate_is_allowed_in_bursts_and_not_for_long() -> None:
    spent, clock = budget(frames=10**9)
    spent.take(1, int(FRAMES_PER_S), mid_frame=False)
    assert passed(lambda: spent.take(1, 10, mid_frame=False)) is Limit.RATE
    clock.now += 1.0
    spent.take(1, 100, mid_frame=False)


def test_bytes_have_a_rate_as_well() -> None:
    spent, _ = budget(frames=10**9)
    assert passed(lambda: spent.take(1 << 30, 1, mid_frame=False)) is Limit.RATE


def test_a_frame_must_come_to_its_end_in_time_also_when_it_drips() -> None:
    spent, clock = budget()
    spent.take(1, 0, mid_frame=True)
    assert spent.overdue() is None
    for _ in range(10):
        clock.now += FRAME_TIME_S / 10
        spent.take(1, 0, mid_frame=True)
    overrun = spent.overdue()
    assert overrun is not None
    assert overrun.limit is Limit.FRAME_TIME


def test_a_frame_that_has_come_to_its_end_is_no_longer_waited_for() -> None:
    spent, clock = budget()
    spent.take(1, 0, mid_frame=True)
    spent.take(1, 1, mid_frame=False)
    clock.now += 10 * FRAME_TIME_S
    assert spent.overdue() is None


def test_what_is_printed_counts_from_the_call_on() -> None:
    spent, _ = budget(output_bytes=100)
    spent.printed(100)
    spent.renew(frames=1, output_bytes=100, printed=100)
    spent.printed(200)
    assert passed(lambda: spent.printed(201)) is Limit.OUTPUT


# --- what is made of an end ---


@pytest.mark.parametrize(
    ("details", "limit"),
    [
        ({"errno": errno.ENOSPC}, Limit.SCRATCH),
        ({"errno": errno.EFBIG}, Limit.FILE_SIZE),
        ({"errno": errno.EMFILE}, Limit.FILES),
        ({"errno": errno.ENOMEM}, Limit.MEMORY),
        ({"errno": errno.ENOENT}, None),
        ({"errno": "28"}, None),
        ({}, None),
    ],
)
def test_an_error_of_the_system_tells_the_limit(details: dict[str, Any], limit: Limit | None) -> None:
    overrun = overrun_behind(ProgramError("no", type="OSError", details=details), Limits(), Measured())
    assert (overrun.limit if overrun else None) is limit


@pytest.mark.parametrize(
    ("number", "cpu_s", "limit"),
    [
        (signal.SIGXCPU, 1.0, Limit.CPU),
        (signal.SIGXFSZ, 1.0, Limit.FILE_SIZE),
        (signal.SIGBUS, 1.0, Limit.SCRATCH),
        (signal.SIGKILL, 1.0, Limit.MEMORY),
        (signal.SIGKILL, 30.2, Limit.CPU),
        (signal.SIGSEGV, 1.0, None),
    ],
)
def test_a_signal_tells_the_limit(number: int, cpu_s: float, limit: Limit | None) -> None:
    lost = WorkerLostError(generation=1, exit=Signalled(number), progress=Progress.STARTED)
    overrun = overrun_behind(lost, Limits(), Measured(cpu_s, 1 << 20))
    assert (overrun.limit if overrun else None) is limit


def test_a_signal_of_ours_tells_none() -> None:
    lost = WorkerLostError(generation=1, exit=Signalled(9, sent_by_us=True), progress=Progress.STARTED)
    assert overrun_behind(lost, Limits(), Measured()) is None


def test_a_message_that_is_too_long_tells_by_how_much() -> None:
    overrun = overrun_behind(FrameTooLargeError(size=3 << 20, limit=1 << 20), Limits(), Measured())
    assert overrun is not None
    assert (overrun.limit, overrun.used, overrun.allowed) == (Limit.FRAME, 3.0, 1)


# --- what it asks of models ---


def test_an_ordinary_request_passes() -> None:
    assert check_lm_request(REQUEST) is None


def part(**fields: Any) -> dict[str, Any]:
    return {**REQUEST, "messages": [{"role": "user", "parts": [fields]}]}


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        ({**REQUEST, "api_key": "x"}, "$.request"),
        ({**REQUEST, "config": {"extensions": {}}}, "$.request.config"),
        ({**REQUEST, "config": []}, "$.request.config"),
        ({**REQUEST, "messages": []}, "$.request.messages"),
        ({**REQUEST, "messages": [7]}, "$.request.messages[0]"),
        ({**REQUEST, "messages": [{"role": "root", "parts": []}]}, "$.request.messages[0].role"),
        ({**REQUEST, "tools": [{"type": "builtin", "name": "web_search"}]}, "$.request.tools[0].type"),
        ({**REQUEST, "system": [{"type": "image", "path": "/etc/passwd"}]}, "$.request.system[0].path"),
        ({**REQUEST, "system": 7}, "$.request.system"),
        (part(type="image", path="/etc/passwd"), "$.request.messages[0].parts[0].path"),
        (part(type="document", file_id="f"), "$.request.messages[0].parts[0].file_id"),
        (part(type="image", url="http://169.254.169.254/"), "$.request.messages[0].parts[0].url"),
        (
            part(type="image", url="https://collector.example/?what=secret"),
            "$.request.messages[0].parts[0].url",
        ),
        (part(type="shell"), "$.request.messages[0].parts[0].type"),
        (
            part(type="tool_result", id="1", content=[{"type": "image", "path": "/etc/passwd"}]),
            "$.request.messages[0].parts[0].content[0].path",
        ),
    ],
)
def test_what_would_reach_past_the_model_is_refused(request_: dict[str, Any], path: str) -> None:
    unfit = check_lm_request(request_)
    assert unfit is not None
    assert unfit.path == path


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["role", "parts", "type", "url", "path", "content", "text"]), inner)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["model", "messages", "system", "tools", "config", "more"]), JSON))
def test_no_request_makes_the_check_fail(request_: dict[str, Any]) -> None:
    unfit = check_lm_request(request_)
    assert unfit is None or unfit.what


# --- files ---


@given(st.text(max_size=40))
def test_no_path_leads_out_of_the_folder(path: str) -> None:
    files = OutputFiles(Limits())
    files.take({"path": path, "data": b"x"})
    for taken in files.whole:
        steps = taken.split("/")
        assert not taken.startswith("/")
        assert all(step not in {"", ".", ".."} for step in steps)
        assert "\0" not in taken
        assert "\\" not in taken


def test_too_many_files_are_too_much() -> None:
    files = OutputFiles(Limits(scratch_files=16))
    overruns = [files.take({"path": str(number), "data": b""}) for number in range(17)]
    assert overruns[-1] is not None
    assert overruns[:-1] == [None] * 16


# --- the account ---


def test_waits_for_models_at_the_same_time_count_once() -> None:
    account = Account()
    account.open()
    account.lm_asked()
    account.lm_asked()
    wait_until(lambda: account.lm_wait_s > 0.02, "some time to pass")
    account.lm_answered()
    account.lm_answered()
    waited_s = account.lm_wait_s
    wait_until(lambda: account.wall_s > waited_s + 0.02, "some more to pass")
    account.close()
    usage = account.usage()
    assert usage.lm_calls == 2
    assert usage.lm_wait_s == waited_s
    assert usage.wall_s == account.wall_s >= waited_s + 0.02
