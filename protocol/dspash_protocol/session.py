"""Session: one end of one pipe, sans-IO. Bytes in, messages out; messages in, frames out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from dspash_protocol.codec import Codec, codec_of, decode, encode
from dspash_protocol.errors import (
    BrokenFramingError,
    FrameTooLargeError,
    InvalidPayloadError,
    InvalidValueError,
    LocalProtocolError,
)
from dspash_protocol.faults import RETRYABLE_KINDS, Fault, FaultKind, Progress
from dspash_protocol.framing import FrameDecoder, Oversized, encode_frame
from dspash_protocol.limits import MAX_FRAME
from dspash_protocol.messages import ErrorReply, Message, Notice, Request, Result, read_message
from dspash_protocol.request_id import find_id
from dspash_protocol.signals import ABOUT_THE_SPEAKERS_OWN, ID_SIGNS, NUMBERING, signal_of
from dspash_protocol.states import TRANSITIONS, Role, Signal, State

__all__ = ["PROTOCOL_VERSION", "Defect", "Received", "Session"]

PROTOCOL_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Defect:
    """A whole frame that is refused; the session lives on.

    `request_id` is the peer's request that is now owed an ErrorReply with `fault`. `own_request_id` is our own request
    that the frame was about: its answer may never come, so end it with `fault`. Where neither is known, a worker in a
    full session says it in a `protocol_error` notice.
    """

    fault: Fault
    request_id: int | None
    own_request_id: int | None = None


Received: TypeAlias = Message | Defect

_DRAINING: Final = (State.DRAINING, State.PLAIN_DRAINING)
_FULL: Final = (State.FULL, State.DRAINING)
_TELLING_FAULTS: Final = (State.GREETED, State.FULL, State.DRAINING)  # elsewhere an error is a line of text
_ANSWERS: Final = (Result, ErrorReply)


class Session:
    """The protocol's state at one end.

    `receive` belongs to one reading thread. `send` may be called from any thread: it only encodes and looks up, and
    what order the frames then take is the caller's lock to decide.
    """

    def __init__(self, role: Role, *, codec: Codec = Codec.MSGPACK, max_frame: int = MAX_FRAME) -> None:
        self.role = role
        self.state = State.NEW
        self.peer_max_frame = max_frame
        self._peer = Role.WORKER if role is Role.HOST else Role.HOST
        self._own_sign = ID_SIGNS[role]
        self._codec = codec  # of what we say unasked
        self._adopts_codec = role is Role.WORKER
        self._decoder = FrameDecoder(max_frame=max_frame)
        self._open: dict[int, Codec] = {}  # the peer's requests that are owed an answer, and in which codec
        self._greeting: int | None = None  # the id of hello while its answer is due

    def __repr__(self) -> str:
        return f"<Session {self.role} {self.state} owes={len(self._open)}>"

    @property
    def is_full(self) -> bool:
        """Whether events, reverse requests and notices may be sent."""
        return self.state in _FULL

    @property
    def is_mid_frame(self) -> bool:
        """Whether a frame of the peer's has begun and not ended."""
        return self._decoder.mid_frame

    @property
    def owed(self) -> int:
        """How many of the peer's requests are not answered yet."""
        return len(self._open)

    # --- incoming ---

    def receive(self, data: bytes | bytearray | memoryview) -> list[Received]:
        """Take bytes in any chunking; return what they complete, oldest first.

        Raises BrokenFramingError when the stream is no longer a sequence of frames; the session is then closed, and
        what came before the break is in the error's `received`.
        """
        try:
            return [self._receive_one(payload) for payload in self._decoder.feed(data)]
        except BrokenFramingError as error:
            error.received = [self._receive_one(payload) for payload in error.received]
            self._end(Signal.BROKEN)
            raise

    def receive_eof(self) -> None:
        """The peer's end is closed. Raises TruncatedFrameError when that was inside a frame."""
        self._end(Signal.EOF)
        self._decoder.eof()

    def _end(self, signal: Signal) -> None:
        self.state = TRANSITIONS[self.state].get(signal, self.state)

    def _receive_one(self, payload: bytes | Oversized) -> Received:
        if isinstance(payload, Oversized):
            return self._refuse(_too_large(payload), find_id(payload.head, payload.tail), payload.head)
        try:
            message = read_message(decode(payload))
        except InvalidPayloadError as error:
            return self._refuse(_invalid(error.path, error.problem), error.request_id, payload)
        fault = self._admit(message, payload)
        return message if fault is None else self._refuse(fault, self._about(message), payload)

    def _admit(self, message: Message, payload: bytes) -> Fault | None:
        """Move the state by what the peer said; or change nothing and return why it may not say so."""
        before = self.state
        signal = signal_of(message, self._peer, self._greeting)
        following = TRANSITIONS[before].get(signal)
        if following is None:
            return _out_of_place(signal, before)
        if not isinstance(message, Notice):
            sign = -self._own_sign if isinstance(message, ABOUT_THE_SPEAKERS_OWN) else self._own_sign
            if message.id * sign <= 0:
                return _invalid("$.id", f"{message.id} has the wrong sign: {NUMBERING}")
        if isinstance(message, Request):
            if message.id in self._open:
                return _invalid("$.id", f"request {message.id} is still open; ids are never reused")
            self._owe(message.id, payload)
        # A thread in `send` may be moving the state just now: it is touched only when this message moves it.
        if following is not before:
            self._move(following, message)
        return None

    def _about(self, message: Message) -> int | None:
        """The request that ends with this refused message: the peer's question, or one of ours that it answers."""
        if isinstance(message, Request):
            return message.id if message.id * self._own_sign < 0 else None
        if isinstance(message, _ANSWERS):
            return message.id if message.id * self._own_sign > 0 else None
        return None

    def _refuse(self, fault: Fault, request_id: int | None, payload: bytes) -> Defect:
        """What to do about a refused frame, of which `payload` is at least the beginning."""
        if not request_id or request_id in self._open:
            return Defect(fault, None)
        if request_id * self._own_sign > 0:
            return Defect(fault.reaching(Progress.STARTED), None, own_request_id=request_id)
        if self.role is Role.HOST and not self.is_full:
            return Defect(fault, None)
        self._owe(request_id, payload)
        return Defect(fault, request_id)

    def _owe(self, request_id: int, payload: bytes) -> None:
        """Note an answer that is due, in the codec of the question; a worker then speaks it in everything else too."""
        codec = codec_of(payload)
        self._open[request_id] = codec
        if self._adopts_codec:
            self._codec = codec

    def _move(self, following: State, message: Message) -> None:
        self._greeting = message.id if following is State.GREETED and isinstance(message, Request) else None
        self.state = following

    # --- outgoing ---

    def send(self, message: Message) -> bytes:
        """The frame of `message`.

        Raises InvalidValueError (with the path), FrameTooLargeError, or LocalProtocolError when this is not ours to
        say now. Nothing has changed then, so another answer to the same request may be sent instead. The content of an
        ErrorReply is never the cause: what of its fault cannot travel is left out.
        """
        before = self.state
        signal = signal_of(message, self.role, self._greeting)
        following = TRANSITIONS[before].get(signal)
        if following is None:
            raise LocalProtocolError(f"{signal} cannot be sent in a {before} session")
        frame = self._frame(message, self._codec_for(message))
        if isinstance(message, _ANSWERS) and self._open.pop(message.id, None) is None:
            raise LocalProtocolError(f"request {message.id} was answered by another thread")
        if following is not before:  # see _admit
            self._move(following, message)
        return frame

    def forget(self, request_id: int) -> bool:
        """Drop the debt of an answer that can no longer be delivered; whether it was owed."""
        return self._open.pop(request_id, None) is not None

    def _codec_for(self, message: Message) -> Codec:
        """How to write `message`. Raises LocalProtocolError when the request it names is not one it may be about."""
        if isinstance(message, Notice):
            return self._codec
        if isinstance(message, ABOUT_THE_SPEAKERS_OWN):
            if message.id * self._own_sign <= 0:
                raise LocalProtocolError(f"{message.id} has the wrong sign: {NUMBERING}")
            return self._codec
        codec = self._open.get(message.id)
        if codec is None:
            raise LocalProtocolError(f"request {message.id} is not open: answered already, or never asked")
        return codec

    def _frame(self, message: Message, codec: Codec) -> bytes:
        if isinstance(message, ErrorReply):
            return self._error_frame(message, codec)
        try:
            payload = encode(message.to_map(), codec)
        except InvalidValueError as error:
            raise InvalidValueError(_path_in_value(error.path), error.problem) from None
        return encode_frame(payload, max_frame=self.peer_max_frame)

    def _error_frame(self, reply: ErrorReply, codec: Codec) -> bytes:
        to_map = ErrorReply.to_map if self.state in _TELLING_FAULTS else ErrorReply.to_plain_map
        try:
            return encode_frame(encode(to_map(reply), codec), max_frame=self.peer_max_frame)
        except (InvalidValueError, FrameTooLargeError):
            rest = ErrorReply(reply.id, reply.fault.cut())
            return encode_frame(encode(to_map(rest), codec), max_frame=self.peer_max_frame)


_VALUE_PATHS: Final = ("$.args", "$.result", "$.event.data", "$.data")


def _path_in_value(path: str) -> str:
    """The path as the owner of the value knows it: below `args`, `result` or `data`, not below the message."""
    for prefix in _VALUE_PATHS:
        if path.startswith(prefix):
            return "$" + path[len(prefix) :]
    return path


def _invalid(path: str, problem: str) -> Fault:
    details = {"path": path}
    return Fault(FaultKind.INVALID_REQUEST, f"{path}: {problem}", progress=Progress.SENT, details=details)


def _too_large(frame: Oversized) -> Fault:
    problem = f"a frame of {frame.length} bytes is over the limit of {frame.limit}"
    details = {"size": frame.length, "limit": frame.limit}
    return Fault(FaultKind.TOO_LARGE, problem, progress=Progress.SENT, details=details)


def _out_of_place(signal: Signal, state: State) -> Fault:
    if state in _DRAINING:
        kind, problem = FaultKind.UNAVAILABLE, f"{signal} after shutdown"
    elif signal is Signal.HELLO:
        kind, problem = FaultKind.INVALID_REQUEST, "hello must be the first request"
    else:
        kind, problem = FaultKind.INVALID_REQUEST, f"{signal} is not allowed in a {state} session"
    return Fault(kind, problem, retryable=kind in RETRYABLE_KINDS, progress=Progress.SENT)
