"""Messages and faults: what is written is read again, and what is damaged is told by its path."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_strategies import faults, integers, messages, same, texts, wire_maps, wire_values

from dspash_protocol import (
    MIN_FRAME,
    RETRYABLE_KINDS,
    BrokenFramingError,
    Codec,
    ErrorReply,
    Fault,
    FaultError,
    FaultKind,
    FrameTooLargeError,
    InvalidPayloadError,
    InvalidValueError,
    LocalProtocolError,
    Message,
    Progress,
    ProtocolError,
    RemoteProtocolError,
    TruncatedFrameError,
    decode,
    encode,
    read_message,
)

MARKS = ("command", "result", "error", "event", "cancel", "notice")


@given(messages)
def test_every_message_survives_in_either_codec(message: Message) -> None:
    read = [read_message(decode(encode(message.to_map(), codec))) for codec in Codec]
    assert read[0] == message
    assert same(read[0], read[1])


@given(messages, st.dictionaries(texts.filter(lambda key: key not in MARKS), wire_values, max_size=3))
def test_keys_nobody_knows_change_nothing(message: Message, more: dict[str, Any]) -> None:
    written = decode(encode(message.to_map(), Codec.MSGPACK))
    assert read_message({**more, **written}) == message


@given(
    st.dictionaries(
        st.sampled_from([*MARKS, "id", "args", "data", "reason", "timeout_ms", "traceparent"]), wire_values
    )
)
def test_any_map_is_a_message_or_refused_with_a_path(raw: dict[str, Any]) -> None:
    if sum(mark in raw for mark in MARKS) == 1:
        try:
            message = read_message(raw)
        except InvalidPayloadError:
            pass
        else:
            assert read_message(message.to_map()) == message
            return
    with pytest.raises(InvalidPayloadError) as caught:
        read_message(raw)
    assert caught.value.path.startswith("$")
    assert caught.value.request_id == (raw.get("id") if type(raw.get("id")) is int else None)


def test_a_value_of_a_foreign_type_is_named_by_it() -> None:
    with pytest.raises(InvalidPayloadError, match="is tuple"):
        read_message({"id": 1, "command": ("a",)})


@given(faults)
def test_every_fault_survives(fault: Fault) -> None:
    assert Fault.from_map(decode(encode(fault.to_map(), Codec.JSON))) == fault


@given(wire_maps | st.dictionaries(st.sampled_from(sorted(Fault.__dataclass_fields__)), wire_values))
def test_any_map_is_read_as_a_fault(raw: dict[str, Any]) -> None:
    fault = Fault.from_map(raw)
    assert Fault.from_map(fault.to_map()) == fault


@given(st.text(), st.text(), faults, st.sampled_from(Codec))
def test_a_fault_cut_down_fits_the_smallest_frame(
    message: str, kind: str, fault: Fault, codec: Codec
) -> None:
    cut = replace(fault, message=message * 100, type=kind * 100, details={"x": object()}).cut()
    assert (cut.kind, cut.retryable, cut.progress) == (fault.kind, fault.retryable, fault.progress)
    assert len(encode(ErrorReply(2**64 - 1, cut).to_map(), codec)) <= MIN_FRAME


@pytest.mark.parametrize("character", ["\x00", "\ud800", "😀", '"'])
@pytest.mark.parametrize("codec", Codec)
def test_a_fault_cut_down_fits_whatever_its_texts_are_made_of(character: str, codec: Codec) -> None:
    fault = Fault(FaultKind.INVALID_REQUEST, character * 10_000, character * 10_000, retryable=True).cut()
    assert len(encode(ErrorReply(-(2**63), fault).to_map(), codec)) <= MIN_FRAME


@given(faults, st.sampled_from(Progress))
def test_a_fault_reaches_the_further_of_two_steps(fault: Fault, progress: Progress) -> None:
    steps = list(Progress)
    further = steps[max(steps.index(fault.progress), steps.index(progress))]
    assert fault.reaching(progress) == replace(fault, progress=further)


def test_progress_goes_from_not_sent_to_side_effects() -> None:
    assert list(Progress) == [Progress.NOT_SENT, Progress.SENT, Progress.STARTED, Progress.SIDE_EFFECTS]


@given(st.sampled_from(FaultKind), texts, st.dictionaries(st.sampled_from(["path", "code"]), integers))
def test_a_fault_error_says_its_fault(kind: FaultKind, message: str, details: dict[str, Any]) -> None:
    error = FaultError.of(kind, message, **details)
    assert error.fault == Fault(kind, message, retryable=kind in RETRYABLE_KINDS, details=details)
    assert str(error) == f"{kind}: {message}"


@pytest.mark.parametrize(
    "error",
    [
        InvalidValueError("$.a", "object is not a wire value"),
        InvalidPayloadError("$.a", "not text", 7),
        BrokenFramingError("no frame begins so", [b"{}"]),
        TruncatedFrameError("the stream ended"),
        FaultError.of(FaultKind.TIMEOUT, "late", path="$"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_can_be_copied_and_pickled(error: Exception) -> None:
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)


def test_errors_are_ours_or_the_peers() -> None:
    assert issubclass(LocalProtocolError, ProtocolError)
    assert issubclass(RemoteProtocolError, ProtocolError)
    assert issubclass(InvalidValueError, LocalProtocolError)
    assert issubclass(FrameTooLargeError, LocalProtocolError)
    assert issubclass(InvalidPayloadError, RemoteProtocolError)
    assert issubclass(TruncatedFrameError, BrokenFramingError)
    assert issubclass(BrokenFramingError, RemoteProtocolError)
