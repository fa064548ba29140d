"""Plain and full sessions: what each may hear, and that a plain one never hears anything unasked."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgpack
import pytest

from dspash_protocol import Cancel, Codec, FaultKind, Notice, Progress, Request, Result
from dspash_worker.exit import ExitCode

if TYPE_CHECKING:
    from worker.conftest import ShellHost, StartShell


def test_hello_tells_versions_limits_and_features(start_shell: StartShell) -> None:
    host = start_shell("--concurrency", "3", "--max-frame", "1000000")
    hello = host.greet()
    assert hello["protocol"] == 1
    assert (hello["concurrency"], hello["max_frame"], hello["pid"]) == (3, 1_000_000, host.process.pid)
    assert {"cancel", "events", "heartbeat", "reverse_requests", "streams"} <= set(hello["features"])
    assert set(hello["versions"]) == {"dspash", "dspy", "lm15", "python"}
    assert hello["versions"]["dspy"].startswith("3.")
    assert hello["versions"]["lm15"]


def test_hello_is_answered_and_pings_too_before_the_domain_is_loaded(
    start_shell: StartShell, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    host = start_shell(SCENES_LOAD_GATE=str(gate))
    assert host.result(host.ask("hello", {"protocol": 1, "heartbeat_s": 0}))["protocol"] == 1
    early = [host.play("mode"), host.play("echo", value="early")]
    host.roundtrip()
    assert host.unasked == []
    gate.touch()
    assert host.result(early[0])["full"] is True
    assert host.result(early[1]) == "early"
    (ready,) = host.notices("ready")
    assert ready.data["pid"] == host.process.pid
    assert ready.data["import_ms"] >= 0


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ({}, "$.protocol"),
        ({"protocol": 2}, "$.protocol"),
        ({"protocol": True}, "$.protocol"),
        ({"protocol": 1, "max_frame": 100}, "$.max_frame"),
        ({"protocol": 1, "max_frame": "64"}, "$.max_frame"),
        ({"protocol": 1, "max_frame": 2**31}, "$.max_frame"),
        ({"protocol": 1, "heartbeat_s": -1}, "$.heartbeat_s"),
        ({"protocol": 1, "heartbeat_s": True}, "$.heartbeat_s"),
    ],
)
def test_hello_that_does_not_fit_is_refused_and_may_be_said_again(
    start_shell: StartShell, args: dict[str, Any], path: str
) -> None:
    host = start_shell()
    fault = host.fault(host.ask("hello", args))
    assert (fault.kind, fault.progress) == (FaultKind.INVALID_INPUT, Progress.SENT)
    assert fault.details["path"] == path
    host.greet()
    host.roundtrip()


@pytest.mark.parametrize("codec", list(Codec))
def test_plain_session_never_hears_anything_unasked(start_shell: StartShell, codec: Codec) -> None:
    """Events, reverse requests, heartbeats, `ready`, `started` and refusals without an id: none is sent."""
    host = start_shell("--concurrency", "1", codec=codec)
    asked = [
        host.play("mode"),
        host.play("emit", items=5, progress=5),
        host.play("ask"),
        host.play("leave_thread", linger=False),
        host.ask("ping", {"payload": 1}),
        host.ask("dance"),
    ]
    host.write(struct.pack(">I", 5) + b"nojob")
    host.write(_frame({"cancel": asked[0]}))
    asked.append(host.play("collect"))
    assert host.result(asked[0])["full"] is False
    assert host.result(asked[1]) == "emitted"
    assert host.fault(asked[2]).message.startswith("unavailable: ")
    assert host.fault(asked[5]).message.startswith("unknown_command: ")
    for request_id in asked:
        host.reply(request_id)
    assert host.unasked == []
    host.close_writing()
    assert host.read_to_end() == []
    assert host.exit_code() == ExitCode.DONE


def _frame(message: dict[str, Any]) -> bytes:
    payload = msgpack.packb(message)
    return struct.pack(">I", len(payload)) + payload


def test_plain_error_is_one_line_of_text_on_the_wire(start_shell: StartShell) -> None:
    host = start_shell()
    host.write(
        _frame({"id": 1, "command": "execute", "args": {"scene": "raise_error", "kind": "ValueError"}})
    )
    expected = _frame({"id": 1, "error": "program_error: a value"})
    raw = b""
    while len(raw) < len(expected):
        raw += host.read_raw()
    assert raw == expected


def test_hello_after_another_request_is_refused_and_the_session_stays_plain(start_shell: StartShell) -> None:
    host = start_shell()
    host.roundtrip()
    host.write(_frame({"id": 70, "command": "hello", "args": {"protocol": 1}}))
    assert "hello must be the first request" in host.fault(70).message
    assert host.result(host.play("mode"))["full"] is False


def test_heartbeats_come_until_the_end_and_count(start_shell: StartShell) -> None:
    host = start_shell()
    host.greet(heartbeat_s=0.02)
    busy = host.play("spin")
    host.until(lambda message: isinstance(message, Notice) and message.data["seq"] == 4)
    first, *_, last = [notice.data for notice in host.notices("heartbeat")]
    assert first["seq"] == 0
    assert set(first) == {"seq", "rss", "cpu_s", "calls", "oldest_s"}
    assert first["rss"] > 1_000_000
    assert last["cpu_s"] >= first["cpu_s"] > 0
    assert last["calls"] == 1
    assert last["oldest_s"] > 0
    host.cancel(busy)
    assert host.fault(busy).kind is FaultKind.CANCELLED


def test_no_heartbeat_comes_when_none_is_wanted(start_shell: StartShell) -> None:
    host = start_shell()
    host.greet(heartbeat_s=0)
    names = host.result(host.ask("stats"))["worker"]["threads"]
    assert names == 3  # the reading one, the owner and the one of this call: nobody who would beat


def test_requests_said_on_the_heels_of_hello_have_one_answer_each_behind_its_own(
    start_shell: StartShell,
) -> None:
    host = start_shell()
    hello = host.session.send(Request(1, "hello", {"protocol": 1, "heartbeat_s": 0}))
    host.write(hello + _frame({"id": 2, "command": "ping"}) + _frame({"id": 3, "command": "ping"}))
    for request_id in (1, 2, 3):
        host.reply(request_id)
    assert list(host.replies) == [1, 2, 3]
    assert host.replies[1] == Result(1, host.result(1))


def test_notice_and_cancel_of_nothing_are_taken_in_silence(shell: ShellHost) -> None:
    shell.send(Notice("log", {"line": "from a newer host"}))
    shell.send(Cancel(4711, "never asked"))
    shell.roundtrip()
    assert shell.unasked == []


def test_domain_that_cannot_be_loaded_fails_what_waits_and_ends_the_worker(
    start_shell: StartShell, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    host = start_shell(SCENES_LOAD_GATE=str(gate), SCENES_LOAD_FAILS="1")
    host.result(host.ask("hello", {"protocol": 1, "heartbeat_s": 0}))
    waiting = [host.play("echo"), host.ask("create_module", {"name": "a"})]
    host.roundtrip()
    gate.touch()
    for request_id in waiting:
        fault = host.fault(request_id)
        assert (fault.kind, fault.type, fault.progress) == (FaultKind.INTERNAL, "ImportError", Progress.SENT)
        assert "/home/somebody" not in str(fault.to_map())
    assert host.read_to_end() == []
    assert host.exit_code() == ExitCode.LOAD_FAILED
    assert "no module of that name in /home/somebody/secret" in host.stderr
