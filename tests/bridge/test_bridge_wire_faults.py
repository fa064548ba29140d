"""Faults on the wire: each kind is one error for the caller; what a host function does is one answer for the worker."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from dspash import errors
from dspash.bridge.ask import Ask, current_ask
from dspash.bridge.call import Call, CallOptions
from dspash.bridge.wire_faults import error_of
from dspash_protocol import (
    ErrorReply,
    Event,
    Fault,
    FaultError,
    FaultKind,
    FrameTooLargeError,
    Message,
    Progress,
    Request,
    Result,
    check_value,
)

ERRORS: dict[FaultKind, type[errors.DspashError]] = {
    FaultKind.CANCELLED: errors.CallCancelledError,
    FaultKind.INTERNAL: errors.InternalWorkerError,
    FaultKind.INVALID_INPUT: errors.InvalidInputError,
    FaultKind.INVALID_REQUEST: errors.InvalidRequestError,
    FaultKind.LM_ERROR: errors.LMCallError,
    FaultKind.NOT_FOUND: errors.NotFoundError,
    FaultKind.PROGRAM_ERROR: errors.ProgramError,
    FaultKind.TIMEOUT: errors.CallTimeoutError,
    FaultKind.TOOL_ERROR: errors.ToolCallError,
    FaultKind.TOO_LARGE: errors.FrameTooLargeError,
    FaultKind.UNAVAILABLE: errors.UnavailableError,
    FaultKind.UNKNOWN_COMMAND: errors.UnknownCommandError,
    FaultKind.UNSERIALISABLE: errors.UnserialisableError,
}


@pytest.mark.parametrize("kind", FaultKind)
def test_every_kind_of_fault_is_an_error_of_its_own(kind: FaultKind) -> None:
    error = error_of(Fault(kind, "what happened"), timeout_s=3.0)
    assert type(error) is ERRORS[kind]
    assert isinstance(error, errors.DspashError)


def test_what_a_worker_tells_reaches_the_caller() -> None:
    fault = Fault(
        FaultKind.PROGRAM_ERROR,
        "division by zero",
        type="ZeroDivisionError",
        retryable=True,
        progress=Progress.SIDE_EFFECTS,
        details={"line": 3},
        traceback="forward, line 3",
    )
    error = error_of(fault, timeout_s=3.0)
    assert isinstance(error, errors.ProgramError)
    assert vars(error) == {
        "message": "division by zero",
        "type": "ZeroDivisionError",
        "retryable": True,
        "progress": Progress.SIDE_EFFECTS,
        "details": {"line": 3},
        "traceback": "forward, line 3",
    }


@pytest.mark.parametrize("details", [{}, {"size": "big", "limit": None}, {"size": 70, "limit": 64}])
def test_a_worker_may_say_anything_about_sizes(details: dict[str, Any]) -> None:
    error = error_of(Fault(FaultKind.TOO_LARGE, "too much", details=details), timeout_s=3.0)
    assert isinstance(error, errors.FrameTooLargeError)
    assert (error.size, error.limit) in {(0, 0), (70, 64)}


# --- the other way: what host functions do ---


class Recorder:
    """A worker that keeps what it is answered; messages over `limit` characters do not fit its frames."""

    def __init__(self, limit: int = 10_000) -> None:
        self.limit = limit
        self.said: list[Message] = []

    def say(self, message: Message, *, wait_until: float | None = None) -> None:
        content = message.result if isinstance(message, Result) else None
        check_value(content)
        if len(str(content)) > self.limit:
            raise FrameTooLargeError(size=len(str(content)), limit=self.limit)
        self.said.append(message)

    def answer(self, reply: Result | ErrorReply, *, wait_until: float) -> None:
        self.say(reply)


def make_ask(worker: Recorder, command: str = "tool.call", call: Call | None = None, **rest: Any) -> Ask:
    return Ask(worker, Request(-1, command, {"name": "t"}, **rest), call)  # pyright: ignore[reportArgumentType]


class Unspeakable(Exception):  # noqa: N818 - what user code calls its exceptions
    def __str__(self) -> str:
        raise RuntimeError("not even this")

    __repr__ = __str__


def raising(error: BaseException) -> Callable[[Ask], NoReturn]:
    def handler(_ask: Ask) -> NoReturn:
        raise error

    return handler


@pytest.mark.parametrize(
    ("handler", "kind", "text"),
    [
        (raising(KeyError("x")), FaultKind.TOOL_ERROR, "'x'"),
        (raising(ValueError()), FaultKind.TOOL_ERROR, "ValueError()"),
        (raising(Unspeakable()), FaultKind.TOOL_ERROR, "Unspeakable, which raised RuntimeError"),
        (raising(FaultError.of(FaultKind.NOT_FOUND, "none such")), FaultKind.NOT_FOUND, "none such"),
        (lambda _ask: {1, 2}, FaultKind.UNSERIALISABLE, "$: set is not a wire value"),
        (lambda _ask: {"a": [1, object()]}, FaultKind.UNSERIALISABLE, "$.a[1]: object is not a wire value"),
        (lambda _ask: 2**70, FaultKind.UNSERIALISABLE, "$: an integer wider than 64 bits"),
        (lambda _ask: "x" * 20_000, FaultKind.TOO_LARGE, "a frame of 20000 bytes is over the limit of 10000"),
    ],
    ids=range(8),
)
def test_whatever_a_host_function_does_its_ask_has_exactly_one_answer(
    handler: Callable[[Ask], Any], kind: FaultKind, text: str
) -> None:
    worker = Recorder()
    make_ask(worker).serve(handler)
    (answer,) = worker.said
    assert isinstance(answer, ErrorReply)
    assert answer.fault.kind is kind
    assert answer.fault.message.startswith(text)


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()])
def test_a_host_function_that_exits_has_its_answer_and_its_way(error: BaseException) -> None:
    worker = Recorder()
    with pytest.raises(type(error)):
        make_ask(worker).serve(raising(error))
    (answer,) = worker.said
    assert isinstance(answer, ErrorReply)
    assert answer.fault.type == type(error).__name__


def test_a_model_that_raises_is_an_lm_error() -> None:
    worker = Recorder()
    make_ask(worker, "lm.complete").serve(raising(OSError("no route")))
    assert isinstance(worker.said[0], ErrorReply)
    assert worker.said[0].fault.kind is FaultKind.LM_ERROR


def test_a_host_function_knows_on_whose_behalf_it_runs_and_no_longer() -> None:
    worker = Recorder()
    seen: list[Ask | None] = []
    ask = make_ask(worker)
    ask.serve(lambda _ask: seen.append(current_ask()))
    assert seen == [ask]
    assert current_ask() is None


def test_nobody_is_served_whose_call_has_ended() -> None:
    worker = Recorder()
    call = Call("forward", {}, CallOptions(60.0))
    ask = make_ask(worker, call=call)
    call.cancel("no interest")
    ran: list[int] = []
    ask.serve(lambda _ask: ran.append(1))
    assert not ran
    assert isinstance(worker.said[0], ErrorReply)
    assert worker.said[0].fault.kind is FaultKind.CANCELLED


def test_a_stream_ends_when_nobody_listens_any_more() -> None:
    worker = Recorder()
    ask = make_ask(worker, "lm.stream")

    def stream(asked: Ask) -> None:
        asked.item("one")
        asked.cancel()
        asked.item("two")

    ask.serve(stream)
    assert [message.data for message in worker.said if isinstance(message, Event)] == ["one"]
    assert isinstance(worker.said[-1], ErrorReply)
    assert worker.said[-1].fault.kind is FaultKind.CANCELLED


@pytest.mark.parametrize(
    ("timeout_ms", "call_s", "expected_s"), [(None, 60.0, 60.0), (5_000, 60.0, 5.0), (90_000, 60.0, 60.0)]
)
def test_an_ask_has_no_more_time_than_its_call(
    timeout_ms: int | None, call_s: float, expected_s: float
) -> None:
    call = Call("forward", {}, CallOptions(call_s))
    left_s = make_ask(Recorder(), call=call, timeout_ms=timeout_ms).remaining_s()
    assert expected_s - 5 < left_s <= expected_s


def test_an_ask_of_no_call_has_a_time_of_its_own() -> None:
    assert 0 < make_ask(Recorder()).remaining_s() < threading.TIMEOUT_MAX
