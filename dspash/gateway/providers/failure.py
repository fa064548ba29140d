"""Failure: what a provider's answer, or the want of one, is as an error of the gateway."""

from __future__ import annotations

from typing import Final, TypedDict

from lm15.errors import LM15Error, canonical_error_code

from dspash.gateway.errors import (
    AuthError,
    BillingError,
    ContextLengthError,
    GatewayError,
    MalformedReplyError,
    ModelTimeoutError,
    ProviderError,
    RateLimitError,
    RejectedRequestError,
    ServerError,
    TransportError,
    UnsupportedFeatureError,
    UnsupportedModelError,
)
from dspash.gateway.providers.connection import Connection
from dspash.gateway.providers.reply_head import ReplyHead
from dspash.gateway.rate_limits import read_rate_limits, read_retry_after

__all__ = ["PARSING_ERRORS", "failure_of", "malformed", "timed_out"]

PARSING_ERRORS: Final = (
    TypeError,
    ValueError,
    KeyError,
    AttributeError,
    IndexError,
    OverflowError,
    RecursionError,
)
"""What lm15 may raise where JSON is well-formed and no answer, or where a request is none."""

_LONGEST: Final = 500  # characters of what a provider says
_BY_CODE: Final[dict[str, type[GatewayError]]] = {
    "auth": AuthError,
    "not_configured": AuthError,
    "billing": BillingError,
    "context_length": ContextLengthError,
    "invalid_request": RejectedRequestError,
    "timeout": ServerError,  # 408 and 504: the provider's own time was up, not the caller's
    "server": ServerError,
    "unsupported_feature": UnsupportedFeatureError,
    "transport": TransportError,
    "stream_assembly": TransportError,
}


class _Known(TypedDict):
    provider: str
    status: int | None
    request_id: str | None


def failure_of(
    error: LM15Error,
    connection: Connection,
    head: ReplyHead,
    *,
    model: str,
    now_s: float,
) -> GatewayError:
    """`error` in the gateway's words, at `now_s` since the epoch. It quotes no key, whatever the provider has quoted."""
    said = _said(error.message or str(error), connection)
    status = error.status or head.status
    request_id = error.request_id or head.request_id
    known: _Known = {
        "provider": connection.name,
        "status": status,
        "request_id": None if request_id is None else connection.redacted(request_id),
    }
    wait_s = read_retry_after(head.headers, now_s) if error.retry_after is None else error.retry_after
    code = canonical_error_code(error)
    if code == "rate_limit":
        limits = read_rate_limits(head.headers, now_s)
        return RateLimitError(
            _summary(connection, said, status), limits=limits, retry_after_s=wait_s, **known
        )
    if code == "unsupported_model":
        return UnsupportedModelError(model, way_out=f"it says: {said}", **known)
    kind = _BY_CODE.get(code)
    if kind is None:
        kind = _kind_of(status)
    return kind(_summary(connection, said, status), retry_after_s=wait_s, **known)


def malformed(connection: Connection, head: ReplyHead, problem: Exception) -> MalformedReplyError:
    """A reply that cannot be read; `problem` is what lm15 made of it."""
    said = _said(f"{type(problem).__name__}: {problem}", connection)
    summary = _summary(connection, f"the reply is no answer ({said})", head.status)
    return MalformedReplyError(
        summary, provider=connection.name, status=head.status, request_id=head.request_id
    )


def timed_out(connection: Connection, head: ReplyHead) -> ModelTimeoutError:
    """The caller's time was up."""
    how = "before it said anything" if head.status is None else "before its answer was complete"
    return ModelTimeoutError(
        f"{connection.name}: the deadline passed {how}",
        provider=connection.name,
        status=head.status,
        request_id=head.request_id,
    )


def _kind_of(status: int | None) -> type[GatewayError]:
    """What a status means for which lm15 has no class."""
    if status is None:
        return ProviderError
    if status < 400:  # no error, and no answer either
        return MalformedReplyError
    return ServerError if status >= 500 else ProviderError


def _summary(connection: Connection, said: str, status: int | None) -> str:
    told = "" if status is None or status < 400 else f" (HTTP {status})"
    return f"{connection.name}: {said or 'it gave no reason'}{told}"


def _said(message: str, connection: Connection) -> str:
    """The first paragraph, on one line, printable and bounded; lm15 appends advice for its own users behind it."""
    first = message.split("\n\n", 1)[0]
    plain = "".join(char if char.isprintable() else " " for char in first)
    # Before it is cut off, so that no half of a key is left at the end.
    words = " ".join(connection.redacted(plain).split())
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"
