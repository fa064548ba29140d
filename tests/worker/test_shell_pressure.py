"""Pressure in both directions: nothing deadlocks, nothing is dropped but progress, and waiting has bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dspash_protocol import Event, EventKind, Request
from dspash_worker.events import MAX_WAITING
from dspash_worker.exit import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from worker.conftest import ShellHost, StartShell

MIB = 1024 * 1024


@pytest.mark.timeout(60)
def test_both_sides_may_write_sixteen_mebibytes_before_either_reads(
    start_shell: StartShell, link: str
) -> None:
    host = start_shell(link=link)
    host.greet()
    first = host.session.send(Request(1001, "ping", {"payload": b"a" * (16 * MIB)}))
    second = host.session.send(Request(1002, "ping", {"payload": b"b" * (16 * MIB)}))
    host.write(first)
    host.write(second)  # by now the worker is writing the first one's echo, which nobody reads
    assert host.result(1001)["payload"] == b"a" * (16 * MIB)
    assert host.result(1002)["payload"] == b"b" * (16 * MIB)


@pytest.mark.timeout(60)
def test_requests_are_taken_however_many_results_wait(shell: ShellHost) -> None:
    """A host that writes all its requests first, and only then reads."""
    ids = [shell.play("big_result", size=200_000) for _ in range(100)]
    assert all(len(shell.result(request_id)) == 200_000 for request_id in ids)


def test_items_wait_for_a_host_that_does_not_read_and_none_is_lost(shell: ShellHost) -> None:
    emitting = shell.play("emit", items=2000, size=1000)
    shell.wait_until_blocked()
    assert shell.result(emitting) == "emitted"
    items = shell.events(emitting)
    assert [event.data[0] for event in items] == list(range(2000))
    assert [event.seq for event in items] == list(range(2000))


def test_call_that_emits_items_waits_while_too_many_of_its_own_wait(start_shell: StartShell) -> None:
    host = start_shell(link="socketpair")
    host.greet()
    blocking = host.ask("ping", {"payload": b"x" * (4 * MIB)})
    emitting = host.play("emit", items=2000, tell_progress=True)
    other = host.play("echo", value="other")
    host.wait_until_blocked()
    stats = host.ask("stats")
    host.result(blocking)
    worker = host.result(stats)["worker"]
    assert worker["open"] >= 2  # the emitting call could not end, though its items are small and few bytes
    assert host.result(other) == "other"
    assert host.result(emitting) == "emitted"
    assert [event.data[0] for event in host.events(emitting)] == list(range(2000))


def test_oldest_progress_gives_way_while_the_host_does_not_read(shell: ShellHost, tmp_path: Path) -> None:
    blocking = shell.ask("ping", {"payload": b"x" * (4 * MIB)})
    shell.wait_until_blocked()
    emitting = shell.play("emit", progress=3000, mark=str(tmp_path / "emitted"))
    shell.wait_for(tmp_path / "emitted")
    shell.result(blocking)
    assert shell.result(emitting) == "emitted"
    progress = shell.events(emitting)
    assert [event.data[0] for event in progress] == list(range(3000 - MAX_WAITING, 3000))
    assert [event.seq for event in progress] == [event.data[0] for event in progress]


def test_progress_gives_way_to_items_and_items_never_do(shell: ShellHost) -> None:
    blocking = shell.ask("ping", {"payload": b"x" * (4 * MIB)})
    emitting = shell.play("emit", items=600, progress=600)
    shell.wait_until_blocked()
    shell.result(blocking)
    assert shell.result(emitting) == "emitted"
    events = shell.events(emitting)
    assert [event.data[0] for event in events if event.kind == EventKind.ITEM] == list(range(600))
    assert [event.seq for event in events] == sorted(event.seq for event in events)


def test_answer_comes_behind_all_events_of_its_call(shell: ShellHost) -> None:
    blocking = shell.ask("ping", {"payload": b"x" * (4 * MIB)})
    emitting = [shell.play("emit", items=200) for _ in range(4)]
    shell.wait_until_blocked()
    shell.result(blocking)
    for request_id in emitting:
        shell.result(request_id)
        assert len(shell.events(request_id)) == 200
    shell.roundtrip()
    assert len([message for message in shell.unasked if isinstance(message, Event)]) == 800


def test_item_that_waits_is_given_up_when_its_call_is_cancelled(start_shell: StartShell) -> None:
    host = start_shell(link="socketpair")
    host.greet()
    blocking = host.ask("ping", {"payload": b"x" * (4 * MIB)})
    emitting = host.play("emit", items=5000)
    host.wait_until_blocked()
    host.cancel(emitting)
    host.result(blocking)
    assert host.fault(emitting).kind == "cancelled"
    assert len(host.events(emitting)) < 5000


@pytest.mark.parametrize("kind", ["object", "nan"])
def test_event_that_is_no_wire_value_fails_where_it_is_emitted(shell: ShellHost, kind: str) -> None:
    fault = shell.fault(shell.play("emit_bad", kind=kind))
    assert fault.kind == "unserialisable"
    assert fault.details["path"].startswith("$")


def test_host_that_reads_nothing_at_all_is_given_up(start_shell: StartShell, link: str) -> None:
    host = start_shell("--write-deadline", "0.2", link=link)
    host.greet()
    host.ask("ping", {"payload": b"x" * (4 * MIB)})
    assert host.exit_code() == ExitCode.STALLED
    assert "has read nothing for 0.2 s" in host.stderr


def test_host_that_reads_slowly_is_not(start_shell: StartShell) -> None:
    host = start_shell("--write-deadline", "0.5", link="socketpair")
    host.greet()
    big = host.ask("ping", {"payload": b"x" * (2 * MIB)})
    assert host.trickle(big, pieces=20, pause_s=0.05) == {"payload": b"x" * (2 * MIB)}
