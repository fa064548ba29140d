"""History: the last LM calls of this worker, for whoever asks what the model was told."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from dspash_protocol import FaultError
from dspash_worker.secret_texts import redact
from dspash_worker.wire_types import to_wire

__all__ = ["MAX_ENTRIES", "MAX_TEXT", "History"]

MAX_ENTRIES: Final = 100
MAX_TEXT: Final = 20_000
"""Characters kept of one text; a picture in a prompt is a text too."""

_SECRET_OPTIONS: Final = ("api_", "headers", "extra_headers", "base_url")


class History:
    """The last calls, oldest first. Thread-safe, bounded, without secrets."""

    def __init__(self, *, limit: int = MAX_ENTRIES) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=limit)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<History entries={len(self._entries)}>"

    def record(
        self,
        *,
        model: str,
        asked: Any,
        options: Mapping[str, Any],
        rollout_id: int | None,
        outputs: Any,
        usage: Iterable[Mapping[str, Any]],
        error: str | None,
    ) -> None:
        """Add one call; `asked` is a prompt or a list of messages, `outputs` what the LM returned."""
        kept = {name: value for name, value in options.items() if not name.startswith(_SECRET_OPTIONS)}
        entry: dict[str, Any] = {
            "at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            "model": model,
            "messages": _shown(asked if isinstance(asked, list) else [{"role": "user", "content": asked}]),
            "options": _shown({name: value for name, value in kept.items() if value is not None}),
            "outputs": _shown(outputs),
            "usage": [_shown(one) for one in usage],
        }
        if rollout_id is not None:
            entry["rollout_id"] = rollout_id
        if error is not None:
            entry["error"] = _shown(error)
        with self._lock:
            self._entries.append({"number": next(self._numbers), **entry})

    def last(self, count: int) -> list[dict[str, Any]]:
        """Return the last `count` calls, oldest first."""
        with self._lock:
            return list(self._entries)[-count:] if count > 0 else []


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
