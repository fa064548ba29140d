"""The conformance vectors, replayed: what every implementation of the wire must make of the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dspash_protocol import (
    BrokenFramingError,
    Cancel,
    Codec,
    Defect,
    ErrorReply,
    Event,
    Fault,
    FaultKind,
    FrameDecoder,
    InvalidPayloadError,
    Message,
    Notice,
    Oversized,
    Progress,
    Request,
    Result,
    Role,
    Session,
    State,
    TruncatedFrameError,
    decode,
    encode,
    read_message,
)
from dspash_protocol.trace import read_spans

VECTORS = Path(__file__).resolve().parents[2] / "protocol" / "vectors"


@cache
def vectors(name: str) -> dict[str, Any]:
    """The content of one file of vectors."""
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def cases(name: str, *keys: str) -> Callable[..., Any]:
    """Run a test once for each case under `keys` of a file."""
    found = [case for key in keys for case in vectors(name)[key]]
    assert found
    return pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in found])


def value_of(noted: Any) -> Any:
    """Undo the notation of the vectors."""
    match noted:
        case {"int": str(digits)}:
            return int(digits)
        case {"float": str(digits)}:
            return float(digits)
        case {"bytes": str(digits)}:
            return bytes.fromhex(digits)
        case {"map": dict(members)}:
            return {key: value_of(item) for key, item in members.items()}
        case list():
            return [value_of(item) for item in noted]
        case _:
            assert noted is None or isinstance(noted, bool | str)
            return noted


def fault_of(noted: dict[str, Any]) -> Fault:
    return Fault(
        kind=FaultKind(noted["kind"]),
        message=noted["message"],
        type=noted["type"],
        retryable=noted["retryable"],
        progress=Progress(noted["progress"]),
        details=value_of(noted["details"]),
        traceback=noted["traceback"],
    )


def message_of(noted: dict[str, Any]) -> Message:
    match noted["message"]:
        case "request":
            args = value_of(noted["args"])
            return Request(noted["id"], noted["command"], args, noted["timeout_ms"], noted["traceparent"])
        case "result":
            return Result(noted["id"], value_of(noted["result"]))
        case "error":
            return ErrorReply(noted["id"], fault_of(noted["fault"]))
        case "event":
            return Event(noted["id"], noted["kind"], noted["seq"], value_of(noted["data"]))
        case "cancel":
            return Cancel(noted["id"], noted["reason"])
        case _:
            return Notice(noted["name"], value_of(noted["data"]))


def assert_same(seen: Any, wanted: Any) -> None:
    """Equal, with the same types all the way down and the same sign of zero."""
    assert repr(seen) == repr(wanted)


@pytest.mark.parametrize("size", [1, 3, 10_000], ids=["byte by byte", "in threes", "whole"])
@cases("framing", "streams")
def test_stream_gives_its_frames_in_any_chunking(case: dict[str, Any], size: int) -> None:
    decoder = FrameDecoder(max_frame=vectors("framing")["max_frame"])
    stream = bytes.fromhex(case["stream"])
    given: list[bytes | Oversized] = []
    end = "between_frames"
    try:
        for start in range(0, len(stream), size):
            given += decoder.feed(stream[start : start + size])
        decoder.eof()
    except TruncatedFrameError:
        end = "inside_frame"
    except BrokenFramingError as error:
        given += error.received
        end = "broken"
    seen = [
        {"skipped": one.length} if isinstance(one, Oversized) else {"payload": one.hex()} for one in given
    ]
    assert (seen, end) == (case["gives"], case["ends"])


@cases("json", "good")
def test_json_payload_means_what_the_vector_says(case: dict[str, Any]) -> None:
    assert_same(decode(bytes.fromhex(case["payload"])), value_of(case["means"]))


@cases("msgpack", "good")
def test_msgpack_payload_means_what_the_vector_says(case: dict[str, Any]) -> None:
    assert_same(decode(bytes.fromhex(case["payload"])), value_of(case["means"]))


@pytest.mark.parametrize("codec", Codec)
@cases("json", "good")
def test_what_was_read_can_be_written_and_read_again(case: dict[str, Any], codec: Codec) -> None:
    value = value_of(case["means"])
    assert_same(decode(encode(value, codec)), value)


@cases("json", "bad")
def test_bad_json_is_refused_at_its_path_for_its_request(case: dict[str, Any]) -> None:
    assert_refused(case)


@cases("msgpack", "bad")
def test_bad_msgpack_is_refused_at_its_path_for_its_request(case: dict[str, Any]) -> None:
    assert_refused(case)


def assert_refused(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidPayloadError) as caught:
        read_message(decode(bytes.fromhex(case["payload"])))
    assert caught.value.request_id == case["id"]
    assert case["path"] in (caught.value.path, None)
    assert caught.value.problem


@cases("values", "pairs")
def test_value_is_written_and_read_in_both_codecs(case: dict[str, Any]) -> None:
    message = {"x": value_of(case["value"])}
    for codec in Codec:
        payload = bytes.fromhex(case[codec])
        assert_same(decode(payload), message)
        assert encode(message, codec) == payload


@cases("messages", "good")
def test_message_is_read_as_the_vector_says(case: dict[str, Any]) -> None:
    message = message_of(case["means"])
    assert_same(read_message(decode(bytes.fromhex(case["payload"]))), message)
    assert_same(read_message(message.to_map()), message)


@cases("messages", "bad")
def test_bad_message_is_refused_at_its_path_for_its_request(case: dict[str, Any]) -> None:
    assert_refused(case)


@cases("traces", "good")
def test_trace_is_read_as_the_vector_says(case: dict[str, Any]) -> None:
    spans, refused = read_spans(case["spans"])
    assert [{**asdict(span), "kind": str(span.kind)} for span in spans] == case["means"]
    assert refused == case["refused"]


@cases("traces", "bad")
def test_bad_trace_is_refused_whole(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidPayloadError):
        read_spans(case["spans"])


@cases("faults", "faults")
def test_fault_is_read_as_the_vector_says(case: dict[str, Any]) -> None:
    reply = read_message(decode(bytes.fromhex(case["payload"])))
    assert isinstance(reply, ErrorReply)
    assert_same(reply.fault, fault_of(case["fault"]))


@cases("sessions", "dialogues")
def test_dialogue_goes_as_the_vector_says(case: dict[str, Any]) -> None:
    ends = {role: Session(role, max_frame=vectors("sessions")["max_frame"]) for role in Role}
    for step in case["steps"]:
        speaker = ends[Role(step["by"])]
        listener = ends[Role.HOST if speaker.role is Role.WORKER else Role.WORKER]
        stream = bytes.fromhex(step["stream"])
        if "means" in step:
            message = message_of(step["means"])
            sent = message if not is_plain_error(message, speaker) else unread(message)
            assert decode(speaker.send(sent)[4:]) == decode(stream[4:]) | added_by(message)
            assert listener.receive(stream) == [message]
            assert speaker.state == step["state"]
        elif "refused" in step:
            (defect,) = listener.receive(stream)
            assert isinstance(defect, Defect)
            assert (defect.fault.kind, defect.request_id, defect.own_request_id) == (
                step["refused"]["kind"],
                step["refused"]["owed"],
                step["refused"]["ended"],
            )
        else:
            assert how_it_ends(listener, stream) == step["ends"]
        assert listener.state == State(step["state"])


def is_plain_error(message: Message, speaker: Session) -> bool:
    return isinstance(message, ErrorReply) and speaker.state not in (
        State.GREETED,
        State.FULL,
        State.DRAINING,
    )


def unread(message: Message) -> Message:
    """The error reply whose plain form reads as `message`: its line of text is `kind: message`."""
    assert isinstance(message, ErrorReply)
    kind, _, text = message.fault.message.partition(": ")
    return ErrorReply(message.id, Fault(FaultKind(kind), text))


def added_by(message: Message) -> dict[str, Any]:
    """What our writer spells out and a vector may leave out."""
    return {"args": message.args} if isinstance(message, Request) else {}


def how_it_ends(listener: Session, stream: bytes) -> str:
    try:
        assert listener.receive(stream) == []
        listener.receive_eof()
    except TruncatedFrameError:
        return "inside_frame"
    except BrokenFramingError:
        return "broken"
    return "between_frames"
