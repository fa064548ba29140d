"""The wire between a host and a DSPy worker: frames, codecs, messages, faults and the session's states.

Sans-IO: nothing here reads, writes, waits, logs or knows the time. `protocol/SPEC.md` is the normative text.
"""

from __future__ import annotations

from dspash_protocol.codec import Codec, codec_of, decode, encode
from dspash_protocol.commands import (
    DEFINING_COMMANDS,
    HARMLESS_ASKS,
    Command,
    EventKind,
    NoticeName,
    ReverseCommand,
)
from dspash_protocol.errors import (
    BrokenFramingError,
    FrameTooLargeError,
    InvalidPayloadError,
    InvalidValueError,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
    TruncatedFrameError,
)
from dspash_protocol.faults import RETRYABLE_KINDS, Fault, FaultError, FaultKind, Progress
from dspash_protocol.framing import HEADER_BYTES, FrameDecoder, Oversized, encode_frame
from dspash_protocol.limits import (
    MAX_DEPTH,
    MAX_FRAME,
    MAX_INTEGER,
    MAX_TIMEOUT_MS,
    MAX_VALUE_DEPTH,
    MIN_FRAME,
    MIN_INTEGER,
    SKIP_LIMIT,
)
from dspash_protocol.lookout import Look, Lookout
from dspash_protocol.messages import (
    Cancel,
    ErrorReply,
    Event,
    Message,
    Notice,
    Reply,
    Request,
    Result,
    read_message,
)
from dspash_protocol.outbox import Outbox
from dspash_protocol.session import PROTOCOL_VERSION, Defect, Received, Session
from dspash_protocol.spinning import Spinning
from dspash_protocol.states import TRANSITIONS, Role, Signal, State
from dspash_protocol.values import (
    BYTES_TAG,
    RESERVED_KEYS,
    TYPE_TAG,
    WireMap,
    WireValue,
    check_value,
    find_problem,
)

__all__ = [
    "BYTES_TAG",
    "DEFINING_COMMANDS",
    "HARMLESS_ASKS",
    "HEADER_BYTES",
    "MAX_DEPTH",
    "MAX_FRAME",
    "MAX_INTEGER",
    "MAX_TIMEOUT_MS",
    "MAX_VALUE_DEPTH",
    "MIN_FRAME",
    "MIN_INTEGER",
    "PROTOCOL_VERSION",
    "RESERVED_KEYS",
    "RETRYABLE_KINDS",
    "SKIP_LIMIT",
    "TRANSITIONS",
    "TYPE_TAG",
    "BrokenFramingError",
    "Cancel",
    "Codec",
    "Command",
    "Defect",
    "ErrorReply",
    "Event",
    "EventKind",
    "Fault",
    "FaultError",
    "FaultKind",
    "FrameDecoder",
    "FrameTooLargeError",
    "InvalidPayloadError",
    "InvalidValueError",
    "LocalProtocolError",
    "Look",
    "Lookout",
    "Message",
    "Notice",
    "NoticeName",
    "Outbox",
    "Oversized",
    "Progress",
    "ProtocolError",
    "Received",
    "RemoteProtocolError",
    "Reply",
    "Request",
    "Result",
    "ReverseCommand",
    "Role",
    "Session",
    "Signal",
    "Spinning",
    "State",
    "TruncatedFrameError",
    "WireMap",
    "WireValue",
    "check_value",
    "codec_of",
    "decode",
    "encode",
    "encode_frame",
    "find_problem",
    "read_message",
]
