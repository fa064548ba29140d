"""Session: one end of one pipe, sans-IO. Bytes in, messages out; messages in, frames out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from dspash_protocol.codec import Codec, codec_of, decode, encode
from dspash_protocol.commands import Command
from dspash_protocol.errors import BrokenFramingError, InvalidPayloadError, InvalidValueError, LocalProtocolError
from dspash_protocol.explain import find_id
from dspash_protocol.faults import Fault, FaultKind
from dspash_protocol.framing import FrameDecoder, Oversized, encode_frame
from dspash_protocol.limits import MAX_FRAME
from dspash_protocol.messages import Cancel, ErrorReply, Event, Message, Request, Result, read_message
from dspash_protocol.states import TRANSITIONS, Role, Signal, State

__all__ = ["PROTOCOL_VERSION", "Defect", "Received", "Session"]

PROTOCOL_VERSION = 1


@dataclass(frozen=True, slots=True)
class Defect:
    """A whole frame that is refused. A worker answers it (by id, or with a notice); the session lives on."""

    fault: Fault
    request_id: int | None


Received: TypeAlias = Message | Defect


class Session:
    """The protocol's state at one end.

    `receive` belongs to one reading thread. `send` may be called from any thread: it only encodes and looks up, and
    what order the frames then take is the caller's lock to decide.
    """

    def __init__(self, role: Role, *, codec: Codec = Codec.MSGPACK, max_frame: int = MAX_FRAME) -> None:
        self.role = role
        self.state = State.NEW
        self.peer_max_frame = max_frame
        self._codec = codec
        self._decoder = FrameDecoder(max_frame=max_frame)
        self._open: dict[int, Codec] = {}  # requests of the peer that we owe an answer
        self._hello_id: int | None = None

    def __repr__(self) -> str:
        return f"<Session {self.role} {self.state} owes={len(self._open)}>"

    @property
    def is_full(self) -> bool:
        """Whether events, reverse requests and notices may be sent."""
        return self.state in (State.FULL, State.DRAINING)

    @property
    def owed(self) -> int:
        """How many of the peer's requests are not answered yet."""
        return len(self._open)

    # --- incoming ---

    def receive(self, data: bytes | bytearray | memoryview) -> list[Received]:
        """Take bytes in any chunking; return what they complete.

        Raises BrokenFramingError when the stream is no longer a sequence of frames; the session is then closed.
        """
        try:
            payloads = self._decoder.feed(data)
        except BrokenFramingError:
            self.state = State.CLOSED
            raise
        return [self._receive_one(payload) for payload in payloads]

    def receive_eof(self) -> None:
        """The peer's end is closed. Raises TruncatedFrameError when that was inside a frame."""
        self.state = State.CLOSED
        self._decoder.eof()

    def _receive_one(self, payload: bytes | Oversized) -> Received:
        if isinstance(payload, Oversized):
            message = f"a frame of {payload.length} bytes is over the limit of {payload.limit}"
            details = {"size": payload.length, "limit": payload.limit}
            fault = Fault(FaultKind.TOO_LARGE, message, details=details)
            return self._defect(fault, find_id(payload.head))
        try:
            codec = codec_of(payload)
            message = read_message(decode(payload))
            self._admit(message, codec)
        except InvalidPayloadError as error:
            fault = Fault(FaultKind.INVALID_REQUEST, str(error), details={"path": error.path})
            return self._defect(fault, error.request_id)
        return message

    def _defect(self, fault: Fault, request_id: int | None) -> Defect:
        """A defect is answered by id only where the peer had that id to give and is owed nothing on it yet."""
        answerable = self.role is Role.WORKER and TRANSITIONS[self.state].get(Signal.REPLY) is not None
        if self.state is State.NEW and self.role is Role.WORKER:
            self.state, answerable = State.PLAIN, True
        if not answerable or request_id is None or request_id <= 0 or request_id in self._open:
            return Defect(fault, None)
        self._open[request_id] = self._codec
        return Defect(fault, request_id)

    def _admit(self, message: Message, codec: Codec) -> None:
        """Move the state by what the peer said, or refuse it."""
        signal = self._signal_of(message, mine=False)
        if signal is None:
            raise InvalidPayloadError("$", f"{type(message).__name__.lower()} is not for a {self.role} to receive")
        following = TRANSITIONS[self.state].get(signal)
        if following is None:
            raise InvalidPayloadError("$", self._out_of_place(signal), getattr(message, "id", None))
        if isinstance(message, Request):
            self._open_request(message, codec)
        elif self.role is Role.HOST and self.state is State.GREETED and message.id != self._hello_id:  # type: ignore[union-attr]
            raise InvalidPayloadError("$.id", "this is not the answer to hello")
        self.state = following

    def _open_request(self, request: Request, codec: Codec) -> None:
        host_asks = self.role is Role.WORKER
        if (request.id > 0) is not host_asks or request.id == 0:
            ours = "host ids count up from 1" if host_asks else "worker ids count down from -1"
            raise InvalidPayloadError("$.id", f"{request.id} is not a valid id: {ours}")
        if request.id in self._open:
            raise InvalidPayloadError("$.id", f"request {request.id} is still running; ids are never reused")
        self._open[request.id] = codec
        if host_asks:
            self._codec = codec
            if request.command == Command.HELLO:
                self._hello_id = request.id

    def _out_of_place(self, signal: Signal) -> str:
        if signal is Signal.HELLO:
            return "hello must be the first request"
        if self.state in (State.DRAINING, State.PLAIN_DRAINING):
            return f"{signal} after shutdown"
        return f"{signal} is not allowed in a {self.state} session"

    # --- outgoing ---

    def send(self, message: Message) -> bytes:
        """The frame of `message`.

        Raises InvalidValueError (with the path), FrameTooLargeError, or LocalProtocolError when this is not ours to
        say now. Nothing has changed then, so another answer to the same request may be sent instead.
        """
        signal = self._signal_of(message, mine=True)
        following = TRANSITIONS[self.state].get(signal) if signal is not None else None
        if following is None:
            raise LocalProtocolError(f"{signal or type(message).__name__} cannot be sent in a {self.state} session")
        replying = isinstance(message, Result | ErrorReply)
        codec = self._codec
        if replying:
            owed = self._open.get(message.id)
            if owed is None:
                raise LocalProtocolError(f"request {message.id} is not open: it has its answer, or was never asked")
            codec = owed
        plain = isinstance(message, ErrorReply) and not self.is_full and self.state is not State.GREETED
        body = message.to_plain_map() if plain and isinstance(message, ErrorReply) else message.to_map()
        frame = encode_frame(self._encode(body, codec), max_frame=self.peer_max_frame)
        if replying and self._open.pop(message.id, None) is None:
            raise LocalProtocolError(f"request {message.id} was answered by another thread")
        if isinstance(message, Request) and message.command == Command.HELLO:
            self._hello_id = message.id
        if following is not self.state:
            self.state = following
        return frame

    def forget(self, request_id: int) -> bool:
        """Drop the debt of an answer that can no longer be delivered; whether it was owed."""
        return self._open.pop(request_id, None) is not None

    def _encode(self, body: dict[str, object], codec: Codec) -> bytes:
        try:
            return encode(body, codec)
        except InvalidValueError as error:
            raise InvalidValueError(_relative(error.path), error.problem) from None

    def _signal_of(self, message: Message, *, mine: bool) -> Signal | None:
        host_speaks = (self.role is Role.HOST) is mine
        if isinstance(message, Request):
            if not host_speaks:
                return Signal.ASK
            return _HOST_REQUESTS.get(message.command, Signal.REQUEST)
        if isinstance(message, Result | ErrorReply):
            if host_speaks:
                return Signal.ANSWER
            if self.state is State.GREETED and message.id == self._hello_id:
                return Signal.ACCEPTED if isinstance(message, Result) else Signal.REFUSED
            return Signal.REPLY
        if isinstance(message, Event):
            return Signal.EVENT
        return Signal.CANCEL if isinstance(message, Cancel) else Signal.NOTICE


_HOST_REQUESTS = {Command.HELLO.value: Signal.HELLO, Command.SHUTDOWN.value: Signal.SHUTDOWN}


def _relative(path: str) -> str:
    """The path as the owner of the value knows it: below `args`, `result` or `data`, not below the message."""
    for prefix in ("$.args", "$.result", "$.event.data"):
        if path.startswith(prefix):
            return "$" + path[len(prefix) :]
    return path

