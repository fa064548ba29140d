"""Recent answers: the latest in memory, as many as fit; the one least recently asked for goes first."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from dspash.gateway.port import JsonMap

__all__ = ["RecentAnswers"]

MOST_CHARACTERS: Final = 32_000_000
"""Of answers as JSON: some 10,000 of a few kilobytes each."""
_Key = TypeVar("_Key", bound=Hashable)
_Note = TypeVar("_Note")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[_Note]):
    text: str
    note: _Note


class RecentAnswers(Generic[_Key, _Note]):
    """Responses by key, each with a note. Thread-safe.

    They are kept as text: each caller gets a copy of its own, and the length is what memory it takes.
    """

    def __init__(self, most_characters: int = MOST_CHARACTERS) -> None:
        self._most = most_characters
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, _Kept[_Note]] = OrderedDict()
        self._characters = 0

    def __repr__(self) -> str:
        return f"<RecentAnswers: {len(self._kept)}, {self._characters} of {self._most} characters>"

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: _Key) -> tuple[JsonMap, _Note] | None:
        """The response under `key`, and its note."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return None
            self._kept.move_to_end(key)
        return json.loads(kept.text), kept.note

    def put(self, key: _Key, response: JsonMap, note: _Note) -> None:
        """Keep a response. What is larger than all the room there is, is not kept."""
        kept = _Kept(json.dumps(response, ensure_ascii=False, separators=(",", ":")), note)
        with self._lock:
            self._drop(key)
            if len(kept.text) > self._most:
                return
            self._kept[key] = kept
            self._characters += len(kept.text)
            while self._characters > self._most:
                self._drop(next(iter(self._kept)))

    def forget(self, is_meant: Callable[[_Key], bool]) -> None:
        """Drop every response whose key is meant."""
        with self._lock:
            for key in [key for key in self._kept if is_meant(key)]:
                self._drop(key)

    def _drop(self, key: _Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._characters -= len(kept.text)
