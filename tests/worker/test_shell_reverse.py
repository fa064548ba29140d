"""Reverse requests: many at once from many threads, answered to whoever asked, ended with their call."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from dspash_protocol import (
    Cancel,
    ErrorReply,
    Event,
    EventKind,
    Fault,
    FaultKind,
    Progress,
    Request,
    Result,
    ReverseCommand,
)
from dspash_worker.exit import ExitCode
from dspash_worker.reverse import MAX_ITEMS

if TYPE_CHECKING:
    from worker.conftest import ShellHost, StartShell


def cancels(host: ShellHost) -> list[int]:
    return [message.id for message in host.unasked if isinstance(message, Cancel)]


def test_ask_carries_its_call_and_brings_back_the_answer(shell: ShellHost) -> None:
    asking = shell.play("ask", args={"question": "é"})
    request = shell.request()
    assert request.command == ReverseCommand.TOOL_CALL
    assert request.args == {"question": "é", "call": asking}
    assert request.id == -1
    shell.send(Result(request.id, {"answer": [1, 2]}))
    assert shell.result(asking) == {"answer": [1, 2]}


def test_fault_of_the_host_is_raised_where_it_was_asked_for(shell: ShellHost) -> None:
    asking = shell.play("ask")
    fault = Fault(FaultKind.TOOL_ERROR, "the tool broke", "KeyError", details={"tool": "search"})
    shell.send(ErrorReply(shell.request().id, fault))
    told = shell.fault(asking)
    assert (told.kind, told.message, told.type, told.details) == (
        FaultKind.TOOL_ERROR,
        "the tool broke",
        "KeyError",
        {"tool": "search"},
    )
    assert told.progress is Progress.SIDE_EFFECTS


def test_asks_of_many_threads_are_each_answered_and_nothing_else_is_said(shell: ShellHost) -> None:
    asking = shell.play("ask_from_threads", threads=3, turns=2)
    for turn in range(6):
        request = shell.request()
        assert shell.events(asking) == [], turn
        shell.send(Result(request.id, {"n": request.args["n"]}))
    assert shell.result(asking) == 6


def test_metric_is_no_side_effect(shell: ShellHost) -> None:
    asking = shell.play("ask_metric")
    request = shell.request()
    assert request.command == ReverseCommand.METRIC_CALL
    shell.send(ErrorReply(request.id, Fault(FaultKind.PROGRAM_ERROR, "no", progress=Progress.STARTED)))
    assert shell.fault(asking).progress is Progress.STARTED
    assert shell.events(asking) == []


def test_answers_in_any_order_reach_the_threads_that_asked(shell: ShellHost) -> None:
    rng = random.Random(3)
    asking = shell.play("ask_from_threads", threads=12, turns=15)
    for _ in range(15):
        requests = [shell.request() for _ in range(12)]
        rng.shuffle(requests)
        for request in requests:
            shell.send(Result(request.id, {"n": request.args["n"]}))
    assert shell.result(asking) == 12 * 15
    assert not shell.result(shell.ask("stats"))["worker"]["asking"]


def test_call_made_while_answering_an_ask_is_served_inside_it(start_shell: StartShell) -> None:
    """A tool that calls a program, whose tool calls a program: three deep, on as many threads."""
    host = start_shell("--concurrency", "3")
    host.greet()
    outer = host.play("ask", args={"level": 1})
    first = host.request()
    middle = host.play("ask", args={"level": 2})
    second = host.request()
    inner = host.play("echo", value="innermost")
    host.send(Result(second.id, host.result(inner)))
    host.send(Result(first.id, host.result(middle)))
    assert host.result(outer) == "innermost"


def test_late_double_and_unknown_answers_are_counted_and_satisfy_nobody(shell: ShellHost) -> None:
    asking = shell.play("ask", timeout_s=0.01)
    late = shell.request()
    assert shell.fault(asking).kind is FaultKind.TIMEOUT
    again = shell.play("ask")
    request = shell.request()
    shell.send_raw({"id": late.id, "result": "late"})
    shell.send_raw({"id": -4711, "result": "unknown"})
    shell.send_raw({"id": -4712, "event": {"kind": "item", "seq": 0, "data": 1}})
    shell.send(Result(request.id, "right"))
    shell.send_raw({"id": request.id, "result": "double"})
    assert shell.result(again) == "right"
    worker = shell.result(shell.ask("stats"))["worker"]
    assert (worker["late_replies"], worker["unknown_replies"]) == (2, 2)


def test_answer_that_makes_no_sense_ends_its_ask(shell: ShellHost) -> None:
    asking = shell.play("ask")
    shell.send_raw({"id": shell.request().id, "error": 42})
    assert shell.fault(asking).kind is FaultKind.INVALID_REQUEST


def test_ask_not_answered_in_time_is_withdrawn(shell: ShellHost) -> None:
    asking = shell.play("ask", timeout_s=0.02)
    request = shell.request()
    assert request.timeout_ms == 20
    fault = shell.fault(asking)
    assert fault.kind is FaultKind.TIMEOUT
    assert "tool.call" in fault.message
    assert cancels(shell) == [request.id]


def test_ask_is_given_no_more_time_than_its_call_has(shell: ShellHost) -> None:
    asking = shell.play("ask", timeout_s=3600, timeout_ms=50_000)
    request = shell.request()
    assert request.timeout_ms is not None
    assert 0 < request.timeout_ms <= 50_000
    shell.send(Result(request.id, None))
    assert shell.result(asking) is None


@pytest.mark.parametrize("scene", ["ask", "aask", "stream", "astream"])
def test_cancelling_a_call_withdraws_what_it_asked(shell: ShellHost, scene: str) -> None:
    asking = shell.play(scene)
    asked = [shell.request().id for _ in range(5 if scene == "aask" else 1)]
    shell.cancel(asking, "enough")
    assert shell.fault(asking).kind is FaultKind.CANCELLED
    shell.roundtrip()
    assert sorted(cancels(shell)) == sorted(asked)


@pytest.mark.parametrize(
    ("kind", "path"), [("object", "$.x.a[1]"), ("number key", "$.x.a"), ("nan", "$.x[0]")]
)
def test_ask_that_is_no_wire_value_fails_where_it_is_made(shell: ShellHost, kind: str, path: str) -> None:
    fault = shell.fault(shell.play("ask_badly", kind=kind))
    assert (fault.kind, fault.details["path"]) == (FaultKind.UNSERIALISABLE, path)
    assert shell.result(shell.ask("stats"))["worker"]["asking"] == 0


def test_ask_too_large_for_the_host_fails_where_it_is_made(start_shell: StartShell) -> None:
    host = start_shell()
    host.greet(max_frame=4096)
    fault = host.fault(host.play("ask", args={"text": "x" * 3900, "more": "x" * 300}))
    assert fault.kind is FaultKind.TOO_LARGE
    assert fault.details["limit"] == 4096


def test_everyone_who_waits_is_told_when_the_pipe_is_gone(shell: ShellHost) -> None:
    shell.play("ask_from_threads", threads=3, turns=1)
    for _ in range(3):
        shell.request()
    shell.close()
    assert shell.exit_code() == ExitCode.DONE


# --- streams ---


def send_items(host: ShellHost, request: Request, items: list[Any]) -> None:
    for seq, item in enumerate(items):
        host.send(Event(request.id, EventKind.ITEM, seq, item))


@pytest.mark.parametrize("scene", ["stream", "astream"])
def test_stream_yields_its_items_in_order_and_then_its_result(shell: ShellHost, scene: str) -> None:
    streaming = shell.play(scene)
    request = shell.request()
    assert request.command == ReverseCommand.LM_STREAM
    send_items(shell, request, [0, "é", {"deep": [1]}, *range(500)])
    shell.send(Result(request.id, "whole"))
    assert shell.result(streaming) == {"items": [0, "é", {"deep": [1]}, *range(500)], "result": "whole"}


@pytest.mark.parametrize("scene", ["stream", "astream"])
def test_stream_that_fails_half_way_raises_after_its_items(shell: ShellHost, scene: str) -> None:
    streaming = shell.play(scene)
    request = shell.request()
    send_items(shell, request, [1, 2])
    shell.send(ErrorReply(request.id, Fault(FaultKind.LM_ERROR, "the line broke")))
    fault = shell.fault(streaming)
    assert (fault.kind, fault.message) == (FaultKind.LM_ERROR, "the line broke")


@pytest.mark.parametrize("scene", ["stream", "astream"])
def test_stream_closed_early_is_withdrawn(shell: ShellHost, scene: str) -> None:
    streaming = shell.play(scene, stop_after=2)
    request = shell.request()
    send_items(shell, request, [1, 2])
    assert shell.result(streaming)["items"] == [1, 2]
    assert cancels(shell) == [request.id]


def test_stream_not_ended_in_time_is_withdrawn(shell: ShellHost) -> None:
    streaming = shell.play("stream", timeout_s=0.02)
    request = shell.request()
    send_items(shell, request, [1])
    assert shell.fault(streaming).kind is FaultKind.TIMEOUT
    assert cancels(shell) == [request.id]


def test_consumer_too_far_behind_loses_its_stream_and_nobody_elses(shell: ShellHost) -> None:
    slow = shell.play("stream_slowly")
    request = shell.request()
    send_items(shell, request, ["first"])
    until_told = shell.request()
    frames = [
        shell.session.send(Event(request.id, EventKind.ITEM, seq + 1, None)) for seq in range(MAX_ITEMS + 1)
    ]
    shell.write(b"".join(frames))
    shell.roundtrip()
    assert cancels(shell) == [request.id]
    shell.send(Result(until_told.id, None))
    fault = shell.fault(slow)
    assert fault.kind is FaultKind.UNAVAILABLE
    assert str(MAX_ITEMS) in fault.message


# --- asyncio ---


def test_coroutines_ask_at_the_same_time(shell: ShellHost) -> None:
    asking = shell.play("aask")
    requests = [shell.request() for _ in range(5)]
    for request in reversed(requests):
        shell.send(Result(request.id, request.args["n"]))
    assert shell.result(asking) == [0, 1, 2, 3, 4]


def test_cancelling_the_task_that_awaits_withdraws_the_request(shell: ShellHost) -> None:
    asking = shell.play("aask_cancelled")
    request = shell.request()
    assert shell.result(asking) == "cancelled"
    assert cancels(shell) == [request.id]
