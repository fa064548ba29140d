"""Sessions: what may be said when, what a refused frame leads to, and that nothing illegal changes anything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_strategies import messages

from dspash_protocol import (
    MIN_FRAME,
    TRANSITIONS,
    BrokenFramingError,
    Cancel,
    Codec,
    Defect,
    ErrorReply,
    Event,
    Fault,
    FaultKind,
    FrameTooLargeError,
    InvalidValueError,
    LocalProtocolError,
    Message,
    Notice,
    Progress,
    Request,
    Result,
    Role,
    Session,
    Signal,
    State,
    TruncatedFrameError,
    decode,
    encode,
    encode_frame,
)

HELLO = Request(1, "hello", {"protocol": 1})


def greet(codec: Codec = Codec.MSGPACK, *, max_frame: int = MIN_FRAME) -> tuple[Session, Session]:
    """A host and a worker at the full level."""
    host, worker = (
        Session(Role.HOST, codec=codec, max_frame=max_frame),
        Session(Role.WORKER, max_frame=max_frame),
    )
    assert worker.receive(host.send(HELLO)) == [HELLO]
    assert host.receive(worker.send(Result(1, {}))) == [Result(1, {})]
    assert host.state == worker.state == State.FULL
    return host, worker


def ask(host: Session, worker: Session, request_id: int = 2) -> None:
    worker.receive(host.send(Request(request_id, "forward", {})))


def snapshot(session: Session) -> tuple[Any, ...]:
    return session.state, session.owed, dict(session._open), session._greeting, session._codec


# --- the table ---


def test_the_table_is_complete_and_every_state_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(State)
    assert {signal for moves in TRANSITIONS.values() for signal in moves} == set(Signal)
    reached, frontier = {State.NEW}, [State.NEW]
    while frontier:
        for following in TRANSITIONS[frontier.pop()].values():
            if following not in reached:
                reached.add(following)
                frontier.append(following)
    assert reached == set(State)


@pytest.mark.parametrize("state", [state for state in State if state is not State.CLOSED])
def test_every_open_session_can_end(state: State) -> None:
    assert TRANSITIONS[state][Signal.EOF] is State.CLOSED
    assert TRANSITIONS[state][Signal.BROKEN] is State.CLOSED


# --- whole, byte by byte, with trailing data ---


@given(messages, st.sampled_from(Codec))
def test_a_message_arrives_whole_or_byte_by_byte_or_with_more_behind_it(
    message: Message, codec: Codec
) -> None:
    payload = encode(message.to_map(), codec)
    frame = encode_frame(payload)
    whole = Session(Role.WORKER).receive(frame)
    single = Session(Role.WORKER)
    assert [one for byte in frame for one in single.receive(bytes([byte]))] == whole
    trailed = Session(Role.WORKER)
    assert trailed.receive(frame + frame[:7]) == whole
    with pytest.raises(TruncatedFrameError):
        trailed.receive_eof()


@pytest.mark.parametrize("codec", Codec)
def test_many_messages_in_one_read_are_taken_in_order(codec: Codec) -> None:
    host, worker = greet(codec)
    requests = [Request(number, "ping", {"payload": number}) for number in range(2, 50)]
    assert worker.receive(b"".join(host.send(request) for request in requests)) == requests
    assert worker.owed == len(requests)


# --- sending ---


@given(
    messages,
    st.sampled_from(Role),
    st.sampled_from(["new", "plain", "greeted", "full", "draining", "closed"]),
)
def test_what_may_not_be_said_is_refused_and_changes_nothing(
    message: Message, role: Role, stage: str
) -> None:
    host, worker = session_pair(stage)
    session = host if role is Role.HOST else worker
    before = snapshot(session)
    try:
        session.send(message)
    except LocalProtocolError:
        assert snapshot(session) == before
    else:
        assert stage != "closed"


def session_pair(stage: str) -> tuple[Session, Session]:
    host, worker = Session(Role.HOST), Session(Role.WORKER)
    if stage == "plain":
        ask(host, worker, 1)
    elif stage == "greeted":
        worker.receive(host.send(HELLO))
    elif stage != "new":
        host, worker = greet()
    if stage == "draining":
        worker.receive(host.send(Request(2, "shutdown", {})))
    elif stage == "closed":
        host.receive_eof()
        worker.receive_eof()
    return host, worker


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (Request(-2, "ping", {}), "wrong sign"),
        (Request(0, "ping", {}), "wrong sign"),
        (Cancel(-1, ""), "wrong sign"),
        (Result(-1, None), "not open"),
        (Result(1, None), "not open"),
        (ErrorReply(-1, Fault(FaultKind.INTERNAL, "")), "not open"),
        (Event(-1, "item", 0, None), "not open"),
        (HELLO, "hello cannot be sent in a full session"),
    ],
)
def test_a_host_is_told_why_it_may_not_say_something(message: Message, why: str) -> None:
    host, _ = greet()
    before = snapshot(host)
    with pytest.raises(LocalProtocolError, match=why):
        host.send(message)
    assert snapshot(host) == before


@pytest.mark.parametrize("answer", [Result(2, 1), ErrorReply(2, Fault(FaultKind.INTERNAL, "no"))])
def test_a_request_is_answered_once(answer: Message) -> None:
    host, worker = greet()
    ask(host, worker)
    worker.send(Event(2, "progress", 0, None))
    worker.send(answer)
    for more in (answer, Event(2, "progress", 1, None)):
        with pytest.raises(LocalProtocolError, match="request 2 is not open"):
            worker.send(more)


def test_a_forgotten_request_is_owed_nothing() -> None:
    host, worker = greet()
    ask(host, worker)
    assert worker.forget(2)
    assert not worker.forget(2)
    with pytest.raises(LocalProtocolError):
        worker.send(Result(2, 1))


class _Answering(dict[str, Any]):
    """A value that is answered with by somebody else while it is being encoded."""

    def __init__(self, session: Session, request_id: int) -> None:
        super().__init__(a=1)
        self._session, self._request_id = session, request_id

    def items(self) -> Any:
        self._session.forget(self._request_id)
        return super().items()


def test_of_two_threads_that_answer_at_once_one_is_told_that_it_lost() -> None:
    host, worker = greet()
    ask(host, worker)
    with pytest.raises(LocalProtocolError, match="another thread"):
        worker.send(Result(2, _Answering(worker, 2)))


class _Shutting(dict[str, Any]):
    """Arguments during whose encoding another thread says shutdown."""

    def __init__(self, session: Session) -> None:
        super().__init__(a=1)
        self._session = session

    def items(self) -> Any:
        if self._session.state is State.FULL:
            self._session.send(Request(9, "shutdown", {}))
        return super().items()


def test_a_shutdown_is_not_undone_by_a_request_that_another_thread_was_sending() -> None:
    host, _ = greet()
    host.send(Request(2, "ping", _Shutting(host)))
    assert host.state is State.DRAINING


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (Result(2, {"a": [object()]}), "$.a[0]"),
        (Result(2, float("nan")), "$"),
        (Event(2, "item", 0, {"a": 2**64}), "$.a"),
        (Notice("log", {"a": {1: 2}}), "$.a"),
        (Request(-1, "tool.call", {"a": "\ud800"}), "$.a"),
        (Request(-1, "tool.call", {}, traceparent="\ud800"), "$.traceparent"),
    ],
)
def test_a_value_that_cannot_travel_is_told_by_its_own_path_and_changes_nothing(
    message: Message, path: str
) -> None:
    host, worker = greet()
    ask(host, worker)
    before = snapshot(worker)
    with pytest.raises(InvalidValueError) as caught:
        worker.send(message)
    assert caught.value.path == path
    assert snapshot(worker) == before
    assert host.receive(worker.send(Result(2, 0))) == [Result(2, 0)]


def test_a_result_over_the_peers_limit_can_be_replaced_by_an_error() -> None:
    host, worker = greet()
    ask(host, worker)
    with pytest.raises(FrameTooLargeError):
        worker.send(Result(2, "x" * MIN_FRAME))
    fault = Fault(FaultKind.TOO_LARGE, "too large")
    assert host.receive(worker.send(ErrorReply(2, fault))) == [ErrorReply(2, fault)]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.PROGRAM_ERROR, "it\ud800failed", details={"a": 1}, traceback="line 1"),
        Fault(FaultKind.PROGRAM_ERROR, "it failed", details={"a": object()}),
        Fault(FaultKind.PROGRAM_ERROR, "it failed", details={"a": "x" * MIN_FRAME}),
        Fault(FaultKind.PROGRAM_ERROR, "it failed" * MIN_FRAME, type="\ud800", retryable=True),
    ],
)
@pytest.mark.parametrize("codec", Codec)
def test_an_error_can_always_be_told(fault: Fault, codec: Codec) -> None:
    host, worker = greet(codec)
    ask(host, worker)
    (reply,) = host.receive(worker.send(ErrorReply(2, fault)))
    assert isinstance(reply, ErrorReply)
    assert (reply.fault.kind, reply.fault.retryable) == (fault.kind, fault.retryable)
    assert reply.fault.message.startswith("it")


def test_an_error_at_the_plain_level_is_a_line_of_text() -> None:
    host, worker = session_pair("plain")
    frame = worker.send(ErrorReply(1, Fault(FaultKind.NOT_FOUND, "no module qa", details={"a": object()})))
    assert decode(frame[4:]) == {"id": 1, "error": "not_found: no module qa"}
    (reply,) = host.receive(frame)
    assert reply == ErrorReply(
        1, Fault(FaultKind.INTERNAL, "not_found: no module qa", progress=Progress.SIDE_EFFECTS)
    )


# --- codecs ---


def test_a_worker_answers_each_request_in_its_codec() -> None:
    worker = Session(Role.WORKER)
    for number, codec in ((1, Codec.JSON), (2, Codec.MSGPACK), (3, Codec.JSON)):
        worker.receive(encode_frame(encode(Request(number, "list", {}).to_map(), codec)))
    assert worker.send(Result(2, []))[4] == 0x82
    assert worker.send(Result(1, []))[4:5] == b"{"
    assert worker.send(ErrorReply(3, Fault(FaultKind.INTERNAL, "")))[4:5] == b"{"


def test_a_worker_asks_and_tells_in_the_codec_it_was_last_asked_in() -> None:
    _, worker = greet(Codec.JSON)
    assert worker.send(Notice("ready", {}))[4:5] == b"{"
    worker.receive(encode_frame(encode(Request(2, "list", {}).to_map(), Codec.MSGPACK)))
    assert worker.send(Request(-1, "lm.complete", {}))[4] == 0x83


def test_a_host_keeps_its_codec_and_answers_in_the_workers() -> None:
    host, _ = greet(Codec.JSON)
    host.receive(encode_frame(encode(Request(-1, "lm.stream", {}).to_map(), Codec.MSGPACK)))
    assert host.send(Event(-1, "item", 0, None))[4] == 0x82
    assert host.send(Result(-1, None))[4] == 0x82
    assert host.send(Request(2, "list", {}))[4:5] == b"{"


@pytest.mark.parametrize("codec", Codec)
def test_a_bad_first_request_is_answered_in_its_codec(codec: Codec) -> None:
    worker = Session(Role.WORKER)
    (defect,) = worker.receive(encode_frame(encode({"id": 1, "command": 5}, codec)))
    assert isinstance(defect, Defect)
    assert defect.request_id == 1
    reply = worker.send(ErrorReply(1, defect.fault))
    assert decode(reply[4:])["id"] == 1
    assert (reply[4:5] == b"{") is (codec is Codec.JSON)


# --- refusals ---


def test_a_refused_request_never_started() -> None:
    _, worker = greet()
    (defect,) = worker.receive(encode_frame(b'{"id":2,"command":"ping","args":[]}'))
    assert isinstance(defect, Defect)
    assert defect.fault.progress is Progress.SENT
    assert defect.fault.details == {"path": "$.args"}


def test_a_refused_reply_ends_the_request_it_was_for() -> None:
    host, _ = greet()
    (defect,) = host.receive(encode_frame(b'{"id":2,"result":NaN}'))
    assert isinstance(defect, Defect)
    assert (defect.request_id, defect.own_request_id) == (None, 2)
    assert defect.fault.progress is Progress.STARTED


def test_a_host_owes_nothing_before_the_full_level() -> None:
    host = Session(Role.HOST)
    (defect,) = host.receive(encode_frame(b'{"id":-1,"command":5}'))
    assert isinstance(defect, Defect)
    assert defect.request_id is None
    assert host.owed == 0


def test_a_frame_over_the_limit_tells_its_size() -> None:
    _, worker = greet()
    (defect,) = worker.receive(
        encode_frame(b'{"id":2,"command":"ping","args":{"x":"' + b"x" * MIN_FRAME + b'"}}')
    )
    assert isinstance(defect, Defect)
    assert defect.fault.kind is FaultKind.TOO_LARGE
    assert defect.fault.details == {"size": MIN_FRAME + 41, "limit": MIN_FRAME}


def test_a_refused_frame_costs_nobody_else_anything() -> None:
    host, worker = greet()
    ask(host, worker, 2)
    received = worker.receive(
        encode_frame(b"nonsense")
        + host.send(Request(3, "list", {}))
        + encode_frame(b"")
        + host.send(Cancel(2, ""))
    )
    assert [type(one) for one in received] == [Defect, Request, Defect, Cancel]
    assert host.receive(worker.send(Result(2, 1)) + worker.send(Result(3, 2))) == [Result(2, 1), Result(3, 2)]


# --- ends ---


@pytest.mark.parametrize("size", [1, 1000])
def test_what_came_before_a_break_is_kept(size: int) -> None:
    host, worker = greet()
    ask(host, worker)
    stream = worker.send(Result(2, 1)) + b"Traceback (most recent call last):"
    received: list[Any] = []

    def read_on() -> None:
        for start in range(0, len(stream), size):
            received.extend(host.receive(stream[start : start + size]))

    with pytest.raises(BrokenFramingError) as caught:
        read_on()
    assert [*received, *caught.value.received] == [Result(2, 1)]
    assert host.state is State.CLOSED
    with pytest.raises(BrokenFramingError):
        host.receive(worker.send(Notice("ready", {})))
    with pytest.raises(LocalProtocolError):
        host.send(Request(3, "ping", {}))


def test_the_end_between_frames_is_quiet_and_final() -> None:
    host, worker = greet()
    ask(host, worker)
    worker.receive_eof()
    assert worker.state is State.CLOSED
    with pytest.raises(BrokenFramingError, match="ended"):
        worker.receive(host.send(Request(3, "ping", {})))
    with pytest.raises(LocalProtocolError):
        worker.send(Result(2, 1))
    worker.receive_eof()
    assert worker.state is State.CLOSED


def test_a_session_shows_who_and_where_it_is() -> None:
    host, worker = greet()
    ask(host, worker)
    assert repr(worker) == "<Session worker full owes=1>"
    assert repr(host) == "<Session host full owes=0>"
    assert host.is_full
    assert not Session(Role.HOST).is_full
