"""Conversations: a host and a worker say anything legal and illegal, over pipes that cut their bytes anywhere.

Both ends agree in the end; every request gets exactly one answer; what is illegal is refused and changes nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from wire_strategies import faults, texts, wire_maps, wire_values

from dspash_protocol import (
    Cancel,
    Codec,
    Defect,
    ErrorReply,
    Event,
    Fault,
    FaultKind,
    InvalidValueError,
    LocalProtocolError,
    Message,
    Notice,
    Progress,
    Request,
    Result,
    Role,
    Session,
    State,
    encode_frame,
)

FULL = (State.FULL, State.DRAINING)
PLAIN = (State.NEW, State.PLAIN, State.PLAIN_DRAINING)


class Side:
    """One end with its outgoing pipe, and what the test knows of it on its own account."""

    def __init__(self, role: Role, codec: Codec) -> None:
        self.session = Session(role, codec=codec)
        self.sign = 1 if role is Role.HOST else -1
        self.pipe = bytearray()
        self.said: list[
            Message | int
        ] = []  # on its way to the other side; an int: a bad request with that id
        self.last_id = 0
        self.asked: list[int] = []
        self.answers: Counter[int] = Counter()
        self.to_answer: list[int] = []
        self.hello: int | None = None  # the id of hello, until it is answered

    @property
    def is_host(self) -> bool:
        return self.sign > 0

    def next_id(self) -> int:
        self.last_id += self.sign
        return self.last_id

    def may_say(self, message: Message) -> bool:
        """The rules of SPEC.md, put in another way than the table."""
        state = self.session.state
        match message:
            case Request(command="hello") if self.is_host:
                return state is State.NEW and message.id > 0
            case Request() if self.is_host:
                return state in (State.NEW, State.PLAIN, State.FULL) and message.id > 0
            case Request():
                return state in FULL and message.id < 0
            case Result() | ErrorReply() if self.is_host:
                return state in FULL and message.id in self.to_answer
            case Result() | ErrorReply():
                return message.id in self.to_answer
            case Event():
                return state in FULL and message.id in self.to_answer
            case Cancel():
                return state in FULL and message.id * self.sign > 0
            case Notice():
                return state in FULL


def as_heard(message: Message, state: State) -> Message:
    """What the other side hears when `message` is said in `state`."""
    if isinstance(message, ErrorReply) and state in PLAIN:
        text = f"{message.fault.kind}: {message.fault.message}"
        return ErrorReply(message.id, Fault(FaultKind.INTERNAL, text, progress=Progress.SIDE_EFFECTS))
    return message


class Conversation(RuleBasedStateMachine):
    @initialize(codec=st.sampled_from(Codec), greeted=st.booleans())
    def begin(self, codec: Codec, greeted: bool) -> None:
        self.host = Side(Role.HOST, codec)
        self.worker = Side(Role.WORKER, Codec.MSGPACK)
        if greeted:  # else few conversations ever come to the full level
            self.ask(Role.HOST, "hello", {})
            self.deliver(Role.HOST, len(self.host.pipe))
            self.answer(Role.WORKER, {}, 0)
            self.deliver(Role.WORKER, len(self.worker.pipe))

    def other(self, side: Side) -> Side:
        return self.worker if side is self.host else self.host

    def side(self, role: Role) -> Side:
        return self.host if role is Role.HOST else self.worker

    def say(self, side: Side, message: Message) -> None:
        session = side.session
        before = (session.state, dict(session._open), session._greeting)
        if not side.may_say(message):
            try:
                frame = session.send(message)
            except LocalProtocolError:
                assert (session.state, session._open, session._greeting) == (before[0], before[1], before[2])
                return
            raise AssertionError(f"{message} was sent in {before[0]}: {frame!r}")
        side.pipe += session.send(message)
        side.said.append(as_heard(message, before[0]))
        if isinstance(message, Request):
            side.asked.append(message.id)
            if message.command == "hello":
                side.hello = message.id
        elif isinstance(message, Result | ErrorReply):
            side.to_answer.remove(message.id)
            if message.id == side.hello:
                side.hello = None

    # --- what may be said, or not ---

    @rule(
        role=st.sampled_from(Role),
        command=st.sampled_from(["hello", "shutdown", "ping", "lm.stream"]),
        args=wire_maps,
    )
    def ask(self, role: Role, command: str, args: dict[str, Any]) -> None:
        side = self.side(role)
        self.say(side, Request(side.next_id(), command, args))

    @rule(role=st.sampled_from(Role), request_id=st.integers(-3, 3), command=texts)
    def ask_with_any_id(self, role: Role, request_id: int, command: str) -> None:
        side = self.side(role)
        if request_id * side.sign <= 0:
            self.say(side, Request(request_id, command, {}))

    @rule(role=st.sampled_from(Role), value=wire_values, pick=st.integers(0))
    def answer(self, role: Role, value: Any, pick: int) -> None:
        side = self.side(role)
        if side.to_answer:
            self.say(side, Result(side.to_answer[pick % len(side.to_answer)], value))

    @rule(role=st.sampled_from(Role), fault=faults, pick=st.integers(0))
    def fail(self, role: Role, fault: Fault, pick: int) -> None:
        side = self.side(role)
        if side.to_answer:
            self.say(side, ErrorReply(side.to_answer[pick % len(side.to_answer)], fault))

    @rule(role=st.sampled_from(Role), request_id=st.integers(-4, 4), value=wire_values)
    def answer_anything(self, role: Role, request_id: int, value: Any) -> None:
        self.say(self.side(role), Result(request_id, value))

    @rule(role=st.sampled_from(Role), request_id=st.integers(-4, 4), seq=st.integers(0, 9), value=wire_values)
    def tell(self, role: Role, request_id: int, seq: int, value: Any) -> None:
        self.say(self.side(role), Event(request_id, "item", seq, value))

    @rule(role=st.sampled_from(Role), request_id=st.integers(-4, 4), reason=texts)
    def cancel(self, role: Role, request_id: int, reason: str) -> None:
        self.say(self.side(role), Cancel(request_id, reason))

    @rule(role=st.sampled_from(Role), data=wire_maps)
    def notice(self, role: Role, data: dict[str, Any]) -> None:
        self.say(self.side(role), Notice("log", data))

    @rule(role=st.sampled_from(Role), pick=st.integers(0))
    def answer_with_what_cannot_travel(self, role: Role, pick: int) -> None:
        side = self.side(role)
        if side.to_answer:
            message = Result(side.to_answer[pick % len(side.to_answer)], object())
            before = dict(side.session._open)
            try:
                side.session.send(message)
            except (InvalidValueError, LocalProtocolError):
                assert side.session._open == before
            else:
                raise AssertionError("an object was sent")

    @precondition(lambda self: self.worker.session.state is not State.CLOSED)
    @rule(codec=st.sampled_from(Codec))
    def ask_in_a_damaged_frame(self, codec: Codec) -> None:
        """A request of the host's whose content is refused is answered like any other."""
        request_id = self.host.next_id()
        number = str(request_id).encode()
        packed = b"\x83\xa2id\xcd" + request_id.to_bytes(2, "big") + b"\xa7command\xa4ping\xa4args\xa0"
        self.host.pipe += encode_frame(
            b'{"id":' + number + b',"command":"ping","args":NaN}' if codec is Codec.JSON else packed
        )
        self.host.said.append(request_id)
        self.host.asked.append(request_id)

    # --- delivery ---

    @rule(role=st.sampled_from(Role), size=st.integers(1, 200))
    def deliver(self, role: Role, size: int) -> None:
        """Some bytes of `role`'s reach the other side."""
        side = self.side(role)
        chunk, side.pipe = bytes(side.pipe[:size]), side.pipe[size:]
        for heard in self.other(side).session.receive(chunk):
            self.hear(self.other(side), side.said.pop(0), heard)

    def hear(self, side: Side, said: Message | int, heard: object) -> None:
        if isinstance(said, int):
            assert isinstance(heard, Defect)
            assert heard.request_id == said
            assert heard.fault.progress is Progress.SENT
            side.to_answer.append(said)
            return
        assert heard == said
        if isinstance(heard, Request):
            side.to_answer.append(heard.id)
            if heard.command == "hello" and not side.is_host:
                side.hello = heard.id
        elif isinstance(heard, Result | ErrorReply):
            side.answers[heard.id] += 1

    @invariant()
    def nobody_is_owed_what_was_answered(self) -> None:
        for side in (self.host, self.worker):
            assert sorted(side.session._open) == sorted(side.to_answer)
            assert side.session.owed == len(side.to_answer)

    def teardown(self) -> None:
        if not hasattr(self, "host"):
            return
        while self.host.pipe or self.worker.pipe or self.host.to_answer or self.worker.to_answer:
            for side in (self.host, self.worker):
                self.deliver(side.session.role, max(1, len(side.pipe)))
            for side in (self.worker, self.host):
                for request_id in list(side.to_answer):
                    self.say(side, Result(request_id, None))
        assert self.host.session.state is self.worker.session.state
        for side in (self.host, self.worker):
            assert side.answers == Counter(side.asked)


Conversation.TestCase.settings = settings(max_examples=50, stateful_step_count=25)
TestConversation = Conversation.TestCase
