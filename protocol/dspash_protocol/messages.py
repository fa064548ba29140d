"""Messages: the six shapes a payload can have, read strictly and written plainly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from dspash_protocol.errors import InvalidPayloadError
from dspash_protocol.faults import Fault, FaultKind, Progress
from dspash_protocol.limits import MAX_TIMEOUT_MS
from dspash_protocol.request_id import id_in
from dspash_protocol.values import WireMap

__all__ = ["Cancel", "ErrorReply", "Event", "Message", "Notice", "Reply", "Request", "Result", "read_message"]

# Fields are Final instead of their classes frozen: as unchangeable to the type checker, and messages are made four times
# a round trip, of which frozen=True would cost an eighth. Names may be members of a StrEnum, and are written as the plain
# text they stand for: the codec passes plain types at a glance, and looks closely at all others.


@dataclass(slots=True)
class Request:
    """A question. Host ids count up from 1, worker ids down from -1; `timeout_ms` is a duration."""

    id: Final[int]
    command: Final[str]
    args: Final[Mapping[str, Any]]
    timeout_ms: Final[int | None] = None
    traceparent: Final[str | None] = None

    def to_map(self) -> WireMap:
        """The wire form."""
        out: WireMap = {"id": self.id, "command": str(self.command), "args": self.args}
        if self.timeout_ms is not None:
            out["timeout_ms"] = self.timeout_ms
        if self.traceparent is not None:
            out["traceparent"] = self.traceparent
        return out


@dataclass(slots=True)
class Result:
    """The one answer to a request that succeeded."""

    id: Final[int]
    result: Final[Any]

    def to_map(self) -> WireMap:
        """The wire form."""
        return {"id": self.id, "result": self.result}


@dataclass(slots=True)
class ErrorReply:
    """The one answer to a request that failed."""

    id: Final[int]
    fault: Final[Fault]

    def to_map(self) -> WireMap:
        """The wire form at the full level."""
        return {"id": self.id, "error": self.fault.to_map()}

    def to_plain_map(self) -> WireMap:
        """The wire form at the plain level: the error is a line of text."""
        return {"id": self.id, "error": f"{self.fault.kind}: {self.fault.message}"}


@dataclass(slots=True)
class Event:
    """Something told about a request before its answer, by the side answering it; `seq` counts from 0 in the request."""

    id: Final[int]
    kind: Final[str]
    seq: Final[int]
    data: Final[Any]

    def to_map(self) -> WireMap:
        """The wire form."""
        return {"id": self.id, "event": {"kind": str(self.kind), "seq": self.seq, "data": self.data}}


@dataclass(slots=True)
class Cancel:
    """Ask for a request of one's own to end early; its answer says what became of it."""

    id: Final[int]
    reason: Final[str]

    def to_map(self) -> WireMap:
        """The wire form."""
        return {"cancel": self.id, "reason": self.reason}


@dataclass(slots=True)
class Notice:
    """Something said without an answer."""

    name: Final[str]
    data: Final[Mapping[str, Any]]

    def to_map(self) -> WireMap:
        """The wire form."""
        return {"notice": str(self.name), "data": self.data}


Reply: TypeAlias = Result | ErrorReply
Message: TypeAlias = Request | Result | ErrorReply | Event | Cancel | Notice


def read_message(raw: WireMap) -> Message:
    """Read one decoded payload. Raises InvalidPayloadError with the path of what is missing or mistyped.

    Keys that are not known are ignored, so that either side may be the newer one.
    """
    read = None
    for key in raw:
        if key in _READERS:
            if read is not None:
                raise _unclear(raw)
            read = _READERS[key]
    if read is None:
        raise _unclear(raw)
    return read(raw)


def _read_request(raw: WireMap) -> Request:
    return Request(
        _read_id(raw),
        _text(raw, "command"),
        _optional_map(raw, "args"),
        None if raw.get("timeout_ms") is None else _whole_number(raw, "timeout_ms", MAX_TIMEOUT_MS),
        None if raw.get("traceparent") is None else _text(raw, "traceparent"),
    )


def _read_result(raw: WireMap) -> Result:
    return Result(_read_id(raw), raw["result"])


def _read_error(raw: WireMap) -> ErrorReply:
    error = raw["error"]
    if isinstance(error, str):
        return ErrorReply(_read_id(raw), Fault(FaultKind.INTERNAL, error, progress=Progress.SIDE_EFFECTS))
    if not isinstance(error, dict):
        raise _mistyped(raw, "error", error, "a fault or text")
    return ErrorReply(_read_id(raw), Fault.from_map(cast("WireMap", error)))


def _read_event(raw: WireMap) -> Event:
    event = _optional_map(raw, "event")
    try:
        kind, seq = _text(event, "kind"), _whole_number(event, "seq")
    except InvalidPayloadError as error:
        raise InvalidPayloadError(f"$.event{error.path[1:]}", error.problem, id_in(raw)) from None
    return Event(_read_id(raw), kind, seq, event.get("data"))


def _read_cancel(raw: WireMap) -> Cancel:
    cancelled = raw["cancel"]
    if type(cancelled) is not int:
        raise _mistyped(raw, "cancel", cancelled, "a request id")
    reason = raw.get("reason")
    return Cancel(cancelled, reason if isinstance(reason, str) else "")


def _read_notice(raw: WireMap) -> Notice:
    return Notice(_text(raw, "notice"), _optional_map(raw, "data"))


_READERS: Final[dict[str, Callable[[WireMap], Message]]] = {
    "command": _read_request,
    "result": _read_result,
    "error": _read_error,
    "event": _read_event,
    "cancel": _read_cancel,
    "notice": _read_notice,
}


def _read_id(raw: WireMap) -> int:
    value = raw.get("id")
    if type(value) is not int:
        raise _mistyped(raw, "id", value, "an integer")
    return value


def _text(raw: WireMap, key: str) -> str:
    value = raw.get(key)
    if type(value) is not str:
        raise _mistyped(raw, key, value, "text")
    return value


def _optional_map(raw: WireMap, key: str) -> WireMap:
    value = raw.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _mistyped(raw, key, value, "a map")
    return cast("WireMap", value)


def _whole_number(raw: WireMap, key: str, largest: int | None = None) -> int:
    value = raw.get(key)
    if type(value) is not int or value < 0:
        raise _mistyped(raw, key, value, "a whole number from 0 up")
    if largest is not None and value > largest:
        raise InvalidPayloadError(f"$.{key}", f"{value} is over the limit of {largest}", id_in(raw))
    return value


def _unclear(raw: WireMap) -> InvalidPayloadError:
    found = " and ".join(kind for kind in _READERS if kind in raw) or "none"
    return InvalidPayloadError(
        "$", f"a message has one of {', '.join(_READERS)}; this has {found}", id_in(raw)
    )


def _mistyped(raw: WireMap, key: str, value: object, wanted: str) -> InvalidPayloadError:
    match value:
        case None:
            seen = "missing"
        case int() | float():
            seen = f"{value!r}"
        case _:
            seen = _WIRE_TYPES.get(type(value), type(value).__name__)
    return InvalidPayloadError(f"$.{key}", f"must be {wanted}, is {seen}", id_in(raw))


_WIRE_TYPES: Final[dict[type, str]] = {str: "text", bytes: "bytes", list: "a list", dict: "a map"}
