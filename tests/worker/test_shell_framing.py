"""Bytes in any pieces: what is whole is served, what is broken ends the worker, and what is malformed neither."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgpack
import pytest

from dspash_protocol import Codec, ErrorReply, Fault, FaultKind, Notice, Progress, Request, Result
from dspash_worker.exit import ExitCode

if TYPE_CHECKING:
    from worker.conftest import ShellHost, StartShell


def frame(payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + payload


@pytest.mark.parametrize("codec", list(Codec))
def test_session_written_byte_by_byte_is_served_like_any_other(
    start_shell: StartShell, link: str, codec: Codec
) -> None:
    host = start_shell(link=link, codec=codec)
    for byte in host.session.send(Request(1, "hello", {"protocol": 1, "heartbeat_s": 0})):
        host.write(bytes([byte]))
    assert host.result(1)["protocol"] == 1
    for byte in host.session.send(Request(2, "execute", {"scene": "echo", "value": {"é": [1.5, None]}})):
        host.write(bytes([byte]))
    assert host.result(2) == {"é": [1.5, None]}


def test_many_frames_in_one_write_are_answered_in_turn(shared_shell: ShellHost) -> None:
    ids = range(1_000_010, 1_001_010)
    shared_shell.write(
        b"".join(shared_shell.session.send(Request(number, "ping", {"payload": number})) for number in ids)
    )
    assert [shared_shell.result(number)["payload"] for number in ids] == list(ids)
    assert shared_shell.unasked == []


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 5, 20])
def test_end_inside_a_frame_is_an_error_of_its_own(start_shell: StartShell, link: str, cut: int) -> None:
    host = start_shell(link=link)
    host.greet()
    host.write(host.session.send(Request(99, "ping", {"payload": "x" * 40}))[:cut])
    host.close_writing()
    assert host.exit_code() == ExitCode.BROKEN_PIPE
    assert "broken" in host.stderr


@pytest.mark.parametrize("text", [b"Traceback (most recent call last):\n", b"hello\n", b"\xff\xff\xff\xff"])
def test_text_written_into_the_stream_ends_the_worker(
    start_shell: StartShell, link: str, text: bytes
) -> None:
    host = start_shell(link=link)
    host.greet()
    host.write(text)
    assert host.exit_code() == ExitCode.BROKEN_PIPE
    assert "broken" in host.stderr


def test_end_between_frames_is_a_quiet_exit(start_shell: StartShell, link: str) -> None:
    host = start_shell(link=link)
    host.greet()
    host.roundtrip()
    host.close_writing()
    assert host.read_to_end() == []
    assert host.exit_code() == ExitCode.DONE
    assert host.stderr == ""


def test_end_before_the_first_frame_is_a_quiet_exit(start_shell: StartShell, link: str) -> None:
    host = start_shell(link=link)
    host.close()
    assert host.exit_code() == ExitCode.DONE


@pytest.mark.parametrize("scene", ["wait", "spin", "stuck_in_c", "ask", "fork_and_return"])
def test_end_while_calls_run_ends_them_too(start_shell: StartShell, link: str, scene: str) -> None:
    host = start_shell(link=link)
    host.greet()
    for _ in range(3):
        host.play(scene)
    host.roundtrip()
    host.close()
    assert host.exit_code() == ExitCode.DONE


def test_oversized_frame_is_skipped_and_answered(start_shell: StartShell) -> None:
    host = start_shell("--max-frame", "4096")
    assert host.greet()["max_frame"] == 4096
    fault = host.fault(host.ask("ping", {"payload": "x" * 100_000}))
    assert fault.kind is FaultKind.TOO_LARGE
    assert fault.details["limit"] == 4096
    host.roundtrip()


def test_oversized_frame_without_an_id_is_told_in_a_notice(start_shell: StartShell) -> None:
    host = start_shell("--max-frame", "4096")
    host.greet()
    host.write(frame(b"\x81" + b"x" * 5000))
    host.roundtrip()
    (notice,) = host.notices("protocol_error")
    assert notice.data["kind"] == FaultKind.TOO_LARGE


MALFORMED = {
    "not a map": b"[1,2]",
    "nothing": b"",
    "bad json": b'{"id": 7000, "command"',
    "nan": b'{"id": 7000, "command": "ping", "args": {"payload": NaN}}',
    "twice": b'{"id": 7000, "command": "ping", "command": "pong"}',
    "deep": b'{"id": 7000, "command": "ping", "args": {"payload": ' + b"[" * 200 + b"]" * 200 + b"}}",
    "very deep": b'{"id": 7000, "args": ' + b"[" * 100_000,
    "wide": b'{"id": 7000, "command": "ping", "args": {"payload": 99999999999999999999999}}',
    "bad utf-8": msgpack.packb({"id": 7000, "command": "ping", "args": {"payload": "x"}})[:-1] + b"\xff",
    "bomb": b"\x81\xa2id\xdd\xff\xff\xff\xff",
    "text id": msgpack.packb({"id": "7000", "command": "ping"}),
    "no message": msgpack.packb({"id": 7000}),
    "negative id": msgpack.packb({"id": -7000, "command": "ping"}),
    "args list": msgpack.packb({"id": 7000, "command": "ping", "args": []}),
    "bad timeout": msgpack.packb({"id": 7000, "command": "ping", "timeout_ms": -1}),
    "hello late": msgpack.packb({"id": 7000, "command": "hello", "args": {"protocol": 1}}),
}


@pytest.mark.parametrize("case", list(MALFORMED))
def test_malformed_payload_is_refused_and_the_session_goes_on(shared_shell: ShellHost, case: str) -> None:
    shared_shell.write(frame(MALFORMED[case]))
    shared_shell.roundtrip()
    (told,) = [
        *shared_shell.unasked,
        *(shared_shell.replies[request_id] for request_id in shared_shell.replies if request_id == 7000),
    ]
    assert isinstance(told, Notice | ErrorReply)
    fault = Fault.from_map(told.data) if isinstance(told, Notice) else told.fault
    assert fault.kind is FaultKind.INVALID_REQUEST
    assert fault.progress is Progress.SENT
    assert "Traceback" not in fault.message
    assert 'File "' not in fault.message


@pytest.mark.parametrize("case", [case for case in MALFORMED if case != "hello late"])
def test_malformed_payload_costs_a_plain_session_nothing(start_shell: StartShell, case: str) -> None:
    host = start_shell()
    host.write(frame(MALFORMED[case]))
    host.write(frame(msgpack.packb({"id": 8, "command": "ping", "args": {"payload": 1}})))
    answers: list[Result | ErrorReply] = []
    while not answers or answers[-1].id != 8:
        message = host.next()
        assert isinstance(message, Result | ErrorReply)
        answers.append(message)
    assert [answer.id for answer in answers[:-1]] in ([], [7000])
    assert isinstance(answers[-1], Result)


def test_request_is_answered_in_the_codec_it_was_asked_in(start_shell: StartShell) -> None:
    host = start_shell()
    host.greet()
    host.write(frame(b'{"id": 50, "command": "ping", "args": {"payload": {"$bytes": "AAE="}}}'))
    host.write(frame(msgpack.packb({"id": 51, "command": "ping", "args": {"payload": b"\0\1"}})))
    raw = b""
    wanted = (
        b'{"id":50,"result":{"payload":{"$bytes":"AAE="}}}',
        msgpack.packb({"id": 51, "result": {"payload": b"\0\1"}}),
    )
    expected = b"".join(frame(payload) for payload in wanted)
    while len(raw) < len(expected):
        raw += host.read_raw()
    assert raw == expected


def test_id_of_a_running_request_is_not_taken_again(shell: ShellHost) -> None:
    running = shell.play("wait")
    shell.write(frame(msgpack.packb({"id": running, "command": "ping"})))
    shell.roundtrip()
    (notice,) = shell.notices("protocol_error")
    assert f"request {running} is still open" in notice.data["message"]
