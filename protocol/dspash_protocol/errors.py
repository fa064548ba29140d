"""Errors of the protocol package, in two families: ours (local) and the peer's (remote)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "BrokenFramingError",
    "FrameTooLargeError",
    "InvalidPayloadError",
    "InvalidValueError",
    "LocalProtocolError",
    "ProtocolError",
    "RemoteProtocolError",
    "TruncatedFrameError",
]


class ProtocolError(Exception):
    """Something that the protocol does not allow was sent or received."""


class LocalProtocolError(ProtocolError):
    """We were about to break the protocol. A defect of the caller: report it."""


class InvalidValueError(LocalProtocolError):
    """A value that cannot go on the wire; `path` says where, `problem` what. Fix the value."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class FrameTooLargeError(LocalProtocolError):
    """The payload is longer than the peer takes; both in bytes. Send less, or raise the limit at both ends."""

    def __init__(self, *, size: int, limit: int) -> None:
        super().__init__(f"a frame of {size} bytes is over the limit of {limit}")
        self.size = size
        self.limit = limit


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol. Report it to whoever wrote the peer."""


class InvalidPayloadError(RemoteProtocolError):
    """A whole frame whose content is refused; the stream is still in step.

    `path` names the bad value, `request_id` the request it belonged to where that could be read.
    """

    def __init__(self, path: str, problem: str, request_id: int | None = None) -> None:
        super().__init__(path, problem, request_id)
        self.path = path
        self.problem = problem
        self.request_id = request_id

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class BrokenFramingError(RemoteProtocolError):
    """The byte stream is no longer a sequence of frames. Close it and start a new peer.

    `received` is what the same bytes completed before they broke, oldest first: payloads when a FrameDecoder
    raised this, messages when a Session did.
    """

    def __init__(self, problem: str, received: Sequence[Any] = ()) -> None:
        super().__init__(problem, received)
        self.problem = problem
        self.received = received

    def __str__(self) -> str:
        return self.problem


class TruncatedFrameError(BrokenFramingError):
    """The stream ended inside a frame."""
