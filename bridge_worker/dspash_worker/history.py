"""History: the last LM calls of this worker, for whoever asks what the model was told."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from dspash_protocol import FaultError
from dspash_worker.secret_texts import redact
from dspash_worker.wire_types import to_wire

__all__ = ["MAX_ENTRIES", "MAX_TEXT", "History", "shown_options"]

MAX_ENTRIES: Final = 100
MAX_TEXT: Final = 20_000
"""Characters shown of one text; a picture in a prompt is a text too."""

_MAX_KEPT: Final = 200_000
"""Characters of one call that are kept as they are; longer ones are cut at once, so that the history stays small."""

_SECRET_OPTIONS: Final = ("api_", "headers", "extra_headers", "base_url")


@dataclass(slots=True)
class _Entry:
    """One call as it was; made fit to be shown when somebody asks, which is seldom."""

    number: int
    at_s: float
    model: str
    asked: Any
    options: Mapping[str, Any]
    rollout_id: int | None
    outputs: Any
    usage: list[dict[str, Any]]
    error: str | None

    def to_map(self) -> dict[str, Any]:
        asked: Any = self.asked
        messages: list[Any] = asked if isinstance(asked, list) else [{"role": "user", "content": asked}]
        shown = shown_options(self.options)
        out: dict[str, Any] = {
            "number": self.number,
            "at": datetime.fromtimestamp(self.at_s, UTC).isoformat(timespec="milliseconds"),
            "model": self.model,
            "messages": _shown(messages),
            "options": _shown(shown),
            "outputs": _shown(self.outputs),
            "usage": _shown(self.usage),
        }
        if self.rollout_id is not None:
            out["rollout_id"] = self.rollout_id
        if self.error is not None:
            out["error"] = _shown(self.error)
        return out


def shown_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a call that say something, without keys and addresses."""
    return {
        name: value
        for name, value in options.items()
        if value is not None and not name.startswith(_SECRET_OPTIONS)
    }


class History:
    """The last calls, oldest first. Thread-safe, bounded, without secrets."""

    def __init__(self, *, limit: int = MAX_ENTRIES) -> None:
        self._entries: deque[_Entry] = deque(maxlen=limit)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<History entries={len(self._entries)}>"

    def __deepcopy__(self, _memo: dict[int, Any]) -> History:
        return self  # copies of an LM write the same history

    def __reduce__(self) -> tuple[Any, ...]:
        return History, ()  # an LM from a pickle begins one of its own

    def record(
        self,
        *,
        model: str,
        asked: Any,
        options: Mapping[str, Any],
        rollout_id: int | None,
        outputs: Any,
        usage: list[dict[str, Any]],
        error: BaseException | None,
    ) -> None:
        """Add one call; `asked` is a prompt or a list of messages, `outputs` what the LM returned."""
        if not _is_small(asked):
            asked = _shown(asked)
        told = None if error is None else f"{type(error).__name__}: {error}"
        with self._lock:
            self._entries.append(
                _Entry(
                    next(self._numbers), time.time(), model, asked, options, rollout_id, outputs, usage, told
                )
            )

    def last(self, count: int) -> list[dict[str, Any]]:
        """Return the last `count` calls, oldest first."""
        with self._lock:
            entries = list(self._entries)[-count:] if count > 0 else []
        return [entry.to_map() for entry in entries]


def _is_small(asked: Any) -> bool:
    """Whether a prompt is short text through and through; pictures and files come in parts, which are not text."""
    size = 0
    for content in (message.get("content") for message in asked) if isinstance(asked, list) else (asked,):
        if not isinstance(content, str):
            return False
        size += len(content)
    return size <= _MAX_KEPT


def _shown(value: Any) -> Any:
    """The value as it may be shown: wire values, short, without secrets; what has no such form, by its type."""
    try:
        return _cut(to_wire(value))
    except FaultError:
        return f"<{type(value).__name__}>"


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        text = redact(value)
        return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… ({len(text)} characters)"
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, list):
        return [_cut(item) for item in value]
    if isinstance(value, dict):
        return {key: _cut(item) for key, item in value.items()}
    return value
