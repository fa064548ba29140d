"""Definitions and calls may be sent one behind the other: promises are made in the order of arrival."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dspash_protocol import FaultKind, Progress

if TYPE_CHECKING:
    from pathlib import Path

    from worker.conftest import ShellHost, StartShell


def test_calls_sent_behind_their_definition_wait_for_it(shell: ShellHost) -> None:
    asked = [
        shell.ask(command, {"name": f"m{number}"})
        for number in range(50)
        for command in ("create_module", "forward", "forward")
    ]
    for request_id in asked:
        shell.result(request_id)


def test_promises_keep_the_order_of_arrival_while_the_domain_loads_and_after(
    start_shell: StartShell, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    host = start_shell(SCENES_LOAD_GATE=str(gate))
    host.result(host.ask("hello", {"protocol": 1, "heartbeat_s": 0}))
    names = [f"m{number}" for number in range(60)]
    for name in names[:30]:
        host.ask("create_module", {"name": name})
    last = host.ask("forward", {"name": "m29"})
    host.roundtrip()
    gate.touch()
    for name in names[30:]:
        host.ask("create_module", {"name": name})
    host.result(last)
    said = host.result(host.ask("forward", {"name": "m59"}))
    assert [line.split()[1] for line in said if line.startswith("reserve")] == names


def test_promise_of_a_definition_cancelled_before_it_began_is_abandoned(start_shell: StartShell) -> None:
    host = start_shell("--concurrency", "1")
    host.greet()
    running = host.start("wait")
    definition = host.ask("create_module", {"name": "never"})
    host.cancel(definition)
    assert host.fault(definition).progress is Progress.SENT
    host.cancel(running)
    assert host.result(host.ask("forward", {"name": "never"})) == ["reserve never", "abandon never cancelled"]


def test_promise_of_a_definition_cancelled_before_the_domain_came_is_never_made(
    start_shell: StartShell, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    host = start_shell(SCENES_LOAD_GATE=str(gate))
    host.result(host.ask("hello", {"protocol": 1, "heartbeat_s": 0}))
    host.cancel(host.ask("create_module", {"name": "never"}))
    host.roundtrip()
    gate.touch()
    host.result(host.ask("create_module", {"name": "other"}))
    assert host.result(host.ask("forward", {"name": "other"})) == ["reserve other", "define other"]


def test_promise_of_a_definition_that_fails_is_abandoned(shell: ShellHost) -> None:
    definition = shell.ask("create_module", {"name": "late", "for_s": 60})
    waiting = shell.ask("forward", {"name": "late"})
    shell.until_open(2)
    shell.cancel(definition)
    assert shell.fault(definition).kind is FaultKind.CANCELLED
    assert shell.result(waiting) == ["reserve late", "abandon late cancelled"]


def test_definition_that_cannot_be_promised_is_told_why(shell: ShellHost) -> None:
    fault = shell.fault(shell.ask("create_module", {"name": "refused"}))
    assert (fault.kind, fault.type) == (FaultKind.PROGRAM_ERROR, "ValueError")
    assert "no such name" in fault.message


@pytest.mark.parametrize("count", [1, 2])
def test_call_that_waited_in_the_queue_tells_when_it_starts(start_shell: StartShell, count: int) -> None:
    host = start_shell("--concurrency", str(count))
    host.greet()
    first = [host.start("wait") for _ in range(count)]
    behind = host.play("echo")
    host.roundtrip()
    assert host.events(behind) == []
    host.cancel(first[0])
    host.result(behind)
    assert [event.kind for event in host.events(behind)] == ["started"]
    at_once = host.play("echo")
    host.result(at_once)
    assert host.events(at_once) == []
