"""Exactly one answer to every request, whatever its result or its error is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dspash_protocol import FaultKind, Progress

if TYPE_CHECKING:
    from worker.conftest import ShellHost, StartShell

BAD_RESULTS = {
    "object": "$.a[1]",
    "hostile": "$.a",
    "hostile key": "$.a",
    "hostile dict": "$",
    "number key": "$.a",
    "set": "$.a",
    "nan": "$[0]",
    "wide": "$.n",
    "surrogate": "$[0]",
    "reserved": "$.x",
}


def test_result_comes_back_as_it_is(shared_shell: ShellHost) -> None:
    value = {"text": "héllo", "list": [1, 2.5, None, True], "bytes": b"\x00\xff", "deep": {"a": [{}]}}
    assert shared_shell.result(shared_shell.play("echo", value=value)) == value


@pytest.mark.parametrize("kind", [*BAD_RESULTS, "cycle"])
def test_result_that_is_no_wire_value_gets_one_unserialisable_with_its_path(
    shared_shell: ShellHost, kind: str
) -> None:
    fault = shared_shell.fault(shared_shell.play("bad_result", kind=kind))
    assert fault.kind is FaultKind.UNSERIALISABLE
    assert fault.details["path"] == BAD_RESULTS.get(kind, fault.details["path"])
    shared_shell.roundtrip()
    assert shared_shell.unasked == []


def test_result_too_large_for_the_peer_gets_its_size_and_the_limit(start_shell: StartShell) -> None:
    host = start_shell()
    host.greet(max_frame=4096)
    fault = host.fault(host.play("big_result", size=5000))
    assert fault.kind is FaultKind.TOO_LARGE
    assert fault.details["limit"] == 4096
    assert fault.details["size"] > 5000
    assert host.result(host.play("big_result", size=3000)) == "x" * 3000


@pytest.mark.parametrize(
    "kind", ["ValueError", "SystemExit", "KeyboardInterrupt", "MemoryError", "GeneratorExit"]
)
def test_whatever_user_code_raises_is_a_program_error(shared_shell: ShellHost, kind: str) -> None:
    fault = shared_shell.fault(shared_shell.play("raise_error", kind=kind))
    assert (fault.kind, fault.type, fault.progress) == (FaultKind.PROGRAM_ERROR, kind, Progress.STARTED)
    shared_shell.roundtrip()


def test_endless_recursion_is_a_program_error(shared_shell: ShellHost) -> None:
    assert shared_shell.fault(shared_shell.play("recurse")).type == "RecursionError"


def test_cancelled_raised_by_user_code_itself_is_a_program_error(shared_shell: ShellHost) -> None:
    assert (
        shared_shell.fault(shared_shell.play("raise_error", kind="CallCancelled")).kind
        is FaultKind.PROGRAM_ERROR
    )


def test_error_that_cannot_be_told_is_told_by_its_name(shared_shell: ShellHost) -> None:
    fault = shared_shell.fault(shared_shell.play("raise_error", kind="HostileError"))
    assert fault.kind is FaultKind.PROGRAM_ERROR
    assert "HostileError" in fault.message


@pytest.mark.parametrize("kind", ["object", "hostile", "hostile dict", "cycle"])
def test_fault_whose_details_cannot_be_sent_keeps_its_kind_and_message(
    shared_shell: ShellHost, kind: str
) -> None:
    fault = shared_shell.fault(shared_shell.play("fault", kind=kind, length=40))
    assert (fault.kind, fault.message, fault.details) == (FaultKind.NOT_FOUND, "x" * 40, {})


def test_fault_too_large_for_the_peer_is_cut_short(start_shell: StartShell) -> None:
    host = start_shell()
    host.greet(max_frame=4096)
    fault = host.fault(host.play("fault", kind="reserved", length=100_000))
    assert fault.kind is FaultKind.NOT_FOUND
    assert set(fault.message) == {"x"}
    assert len(fault.message) < 4096


def test_unknown_command_is_named(shared_shell: ShellHost) -> None:
    fault = shared_shell.fault(shared_shell.ask("dance"))
    assert (fault.kind, fault.progress) == (FaultKind.UNKNOWN_COMMAND, Progress.SENT)
    assert "dance" in fault.message


def test_command_the_domain_lacks_is_unknown(shared_shell: ShellHost) -> None:
    assert shared_shell.fault(shared_shell.ask("optimize")).kind is FaultKind.UNKNOWN_COMMAND


def test_every_one_of_many_pipelined_requests_is_answered_once(shared_shell: ShellHost) -> None:
    payloads = {
        shared_shell.play("echo", value=number)
        if number % 3
        else shared_shell.ask("ping", {"payload": number}): number
        for number in range(500)
    }
    for request_id, number in payloads.items():
        assert shared_shell.result(request_id) == (number if number % 3 else {"payload": number})


def test_threads_that_die_and_finalisers_that_raise_are_logged_and_survived(shell: ShellHost) -> None:
    assert shell.result(shell.play("kill_thread")) is None
    assert "thread doomed ended" in shell.stderr
    assert "ZeroDivisionError" in shell.stderr
    assert "in a finaliser" in shell.stderr


def test_context_variables_of_one_call_are_not_there_for_the_next(start_shell: StartShell) -> None:
    host = start_shell("--concurrency", "1")
    host.greet()
    assert [host.result(host.play("leave_mark")) for _ in range(3)] == ["clean"] * 3


def test_stats_tell_of_the_shell_beside_the_domain(shell: ShellHost) -> None:
    shell.fault(shell.play("raise_error", kind="ValueError"))
    shell.result(shell.play("echo"))
    stats = shell.result(shell.ask("stats"))
    worker = stats["worker"]
    assert stats["said"] == []
    assert worker["outcomes"] == {"program_error": 1, "result": 1}
    assert (worker["open"], worker["waiting"], worker["concurrency"]) == (1, 0, 8)
    assert worker["pid"] == shell.process.pid
    assert 0 < worker["rss"] <= worker["peak_rss"]
    assert worker["cpu_s"] > 0
