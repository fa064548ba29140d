"""What a program does to its own channel from inside a sandbox: its call fails with the cause, and the next is right."""

from __future__ import annotations

from collections.abc import Generator

import pytest

import dspash
from dspash.supervision import Exited, ProtocolBroken

pytestmark = [pytest.mark.bwrap, pytest.mark.slow, pytest.mark.timeout(60)]

FORGE = """
import json, os, struct
def forge(message, times=1):
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    for _ in range(times):
        left = struct.pack(">I", len(payload)) + payload
        while left:
            try:
                left = left[os.write(3, left):]
            except BlockingIOError:
                pass
"""
WAIT = "\nimport time\ntime.sleep(60)"


@pytest.fixture(scope="module")
def app() -> Generator[dspash.App]:
    with dspash.open(timeout_s=20.0) as app:
        yield app


def failure_of(app: dspash.App, code: str, **more: object) -> dspash.DspashError:
    """How a call of this snippet ends; and the next call, in another worker, is right."""
    program = app.program("Faulty", forward_fn=code, **more)  # pyright: ignore[reportArgumentType]
    with pytest.raises(dspash.DspashError) as caught:
        program()
    assert app.program("Right", forward_fn="result = {'n': n + 1}")(n=1).n == 2
    return caught.value


@pytest.mark.parametrize(
    ("frames", "cause"),
    [
        ("forge({'id': 10_000, 'result': 'forged'})", "it answers request 10000, which is not open"),
        ("forge({'id': 1, 'result': {}})", "it answers request 1, which is not open"),
        (
            "forge({'id': 10_000, 'event': {'kind': 'item', 'seq': 0, 'data': 1}})",
            "it tells of request 10000",
        ),
        ("forge({'id': 5, 'command': 'tool.call', 'args': {}})", "wrong sign"),
        ("forge({'id': -900, 'command': 'tool.call', 'args': {'call': 10_000}})", "on behalf of no call"),
        ("forge(b'{not json')", "broke the protocol"),
        ("forge(b'\\x80' * 0)", "broke the protocol"),
        ("os.write(3, b'this is no frame')", "no frame begins with"),
        ("forge({'notice': 'protocol_error', 'data': {}})", "could not read a frame of ours"),
    ],
)
def test_a_forged_frame_is_told_as_what_it_is(app: dspash.App, frames: str, cause: str) -> None:
    error = failure_of(app, f"{FORGE}\n{frames}{WAIT}")
    assert isinstance(error, dspash.WorkerLostError)
    assert isinstance(error.exit, ProtocolBroken)
    assert cause in str(error)
    assert error.isolation is not None


def test_an_ask_under_an_id_that_was_used_is_the_end(app: dspash.App) -> None:
    code = f"""{FORGE}
double(n=1)
forge({{"id": -1, "command": "tool.call", "args": {{"name": "double", "args": {{"n": 1}}, "call": 0}}}}){WAIT}"""
    error = failure_of(app, code, tools={"double": lambda n: 2 * n})
    assert isinstance(error, dspash.WorkerLostError)
    assert "once more" in str(error)


@pytest.mark.parametrize(
    ("flood", "limit"),
    [
        ("forge({'notice': 'log', 'data': {}}, times=100_000)", "frames"),
        ("forge(b'x' * (1 << 21))", "frame"),
        (
            "forge(json.dumps({'notice': 'log', 'data': {'x': 'x' * 1_000_000}}).encode(), times=1_000)",
            "rate",
        ),
        ("import sys\nwhile True: print('x' * 4096)", "output"),
        ("os.write(3, struct.pack('>I', 1000) + b'{')", "frame_time"),
    ],
)
def test_a_flood_is_told_as_the_limit_it_passed(
    app: dspash.App, flood: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dspash.bridge.stream_budget.BYTES_PER_S", 4 << 20)  # also a busy machine is too fast
    error = failure_of(app, f"{FORGE}\n{flood}{WAIT}")
    assert isinstance(error, dspash.LimitExceededError)
    assert error.limit == limit


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.closerange(3, 256)",
        "import os\nfor descriptor in range(3, 256):\n    try: os.dup2(0, descriptor)\n    except OSError: pass",
    ],
    ids=["closed", "reopened"],
)
def test_a_channel_that_is_closed_or_replaced_costs_its_own_call(app: dspash.App, code: str) -> None:
    error = failure_of(app, f"{code}\nresult = {{'n': 1}}", limits=dspash.Limits(wall_s=5, total_s=5))
    assert isinstance(error, dspash.WorkerLostError | dspash.LimitExceededError)
    if isinstance(error, dspash.WorkerLostError):
        assert isinstance(error.exit, Exited | ProtocolBroken)


def test_a_forged_result_of_its_own_call_is_its_own_answer_and_nothing_follows_it(app: dspash.App) -> None:
    """What a hostile program answers is its own affair: this is no worse than returning it."""
    code = f"""{FORGE}
for number in range(2, 40):
    forge({{"id": number, "result": {{"fields": {{"n": 7}}, "usage": {{}}}}}}){WAIT}"""
    program = app.program("Forging", forward_fn=code)
    call = app.submit("execute", {"program_id": program.id, "inputs": {}, "detail": True})
    error = call.exception(20)
    if error is None:
        assert call.result()["fields"] == {"n": 7}
    else:
        assert isinstance(error, dspash.WorkerLostError)
        assert isinstance(error.exit, ProtocolBroken)
    assert app.program("Right", forward_fn="result = {'n': n + 1}")(n=1).n == 2


@pytest.mark.parametrize(
    "answer",
    ["7", "{'fields': 7}", "{'fields': {}, 'usage': []}", "None", "{'fields': [['n', 1]]}"],
)
def test_an_answer_of_the_wrong_shape_is_an_error_of_the_protocol(app: dspash.App, answer: str) -> None:
    """The answer goes past the part of the worker that would have refused it."""
    code = f"""{FORGE}
from dspash_worker.current import current_call
forge({{"id": current_call().id, "result": {answer}}}){WAIT}"""
    error = failure_of(app, code)
    assert isinstance(error, dspash.ProtocolError)
