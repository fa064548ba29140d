"""ReplyHead: the status and headers of the reply to the request that this task sends."""

from __future__ import annotations

from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

__all__ = ["ReplyHead", "note_reply", "note_unsent"]

_REQUEST_IDS: Final = (
    "x-request-id",
    "request-id",
    "x-amzn-requestid",
    "x-ms-request-id",
    "apim-request-id",
    "cf-ray",
)
_LONGEST_ID: Final = 200


@dataclass(slots=True)
class ReplyHead:
    """What came before the body; no status as long as nothing came.

    lm15 hands on the body alone, but the headers hold what limits are learned from. As a block it is what `note_reply`
    fills in, for requests that are sent inside, in the same task.
    """

    status: int | None = None
    was_sent: bool = True
    """Whether the provider may have got the request; False once it is certain that it has not."""
    headers: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    _token: Token[ReplyHead | None] | None = field(default=None, repr=False)

    @property
    def request_id(self) -> str | None:
        """What the provider calls the request."""
        found = next((self.headers[name] for name in _REQUEST_IDS if self.headers.get(name)), None)
        return None if found is None else found[:_LONGEST_ID]

    def __enter__(self) -> Self:
        self._token = _awaited.set(self)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _awaited.reset(self._token)
            self._token = None


_awaited: Final[ContextVar[ReplyHead | None]] = ContextVar("dspash_reply_head", default=None)


def note_reply(status: int, headers: list[tuple[str, str]]) -> None:
    """Tell whoever waits for it in this task how the reply begins; of a header given twice the first counts."""
    head = _awaited.get()
    if head is not None:
        head.status = status
        head.headers = {name.lower(): value for name, value in reversed(headers)}


def note_unsent() -> None:
    """Tell the same that nothing has reached the provider."""
    head = _awaited.get()
    if head is not None:
        head.was_sent = False
