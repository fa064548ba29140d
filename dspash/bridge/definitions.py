"""Definitions: what every worker must know before it serves, as a log that each one follows."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dspash_protocol import Command

__all__ = ["Definition", "Definitions"]

_CONFIGURATION: Final = "$configure"


@dataclass(frozen=True, slots=True)
class Definition:
    """One defining request that a worker has accepted. `position` counts from 1 and orders them."""

    position: int
    subject: str
    command: str
    args: Mapping[str, Any]


class Definitions:
    """The log. A worker that starts anew replays it; one that lags behind is sent what it missed.

    Only the latest word on a subject is kept for newcomers: a module that was deleted is not replayed, one created
    again is replayed once, with the state loaded into it since.
    """

    def __init__(self) -> None:
        self._log: list[Definition] = []
        self._head = 0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Definitions head={self._head} kept={len(self._log)}>"

    @property
    def head(self) -> int:
        """The position of the latest definition."""
        return self._head

    def append(self, command: str, args: Mapping[str, Any]) -> Definition:
        """Record a definition that a worker has accepted."""
        with self._lock:
            self._head += 1
            definition = Definition(self._head, _subject_of(command, args), command, args)
            self._log = [kept for kept in self._log if not _supersedes(definition, kept)]
            self._log.append(definition)
            return definition

    def since(self, position: int) -> list[Definition]:
        """What came after `position`, oldest first."""
        with self._lock:
            return [definition for definition in self._log if definition.position > position]


def _subject_of(command: str, args: Mapping[str, Any]) -> str:
    return _CONFIGURATION if command == Command.CONFIGURE else str(args.get("id"))


def _supersedes(new: Definition, old: Definition) -> bool:
    if new.subject != old.subject:
        return False
    match new.command:
        case Command.CONFIGURE:
            return False  # settings add up
        case Command.LOAD_STATE:
            return old.command == Command.LOAD_STATE
        case _:
            return True
