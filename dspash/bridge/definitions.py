"""Definitions: what every worker must know before it serves, as a log that each one follows."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from dspash_protocol import Command

__all__ = ["Definition", "Definitions", "Follower", "copy_of"]

_CONFIGURATION: Final = "$configure"
_SETTINGS: Final = "settings"  # configure's map of options that add up one by one


@dataclass(frozen=True, slots=True)
class Definition:
    """One defining request that a worker has accepted. `position` counts from 1 and orders them.

    `uses` are the texts in it that may be ids of other definitions: one may be built of what stood under them then.
    """

    position: int
    subject: str
    command: str
    args: Mapping[str, Any]
    uses: frozenset[str]


class Definitions:
    """The log. A worker that starts anew replays it; one that lags behind is sent what it missed.

    A replay leads to the same state as the whole history would, and is no longer than it has to be: what was
    replaced or deleted is left out, unless something that is still there was built of it.
    """

    def __init__(self) -> None:
        self._log: list[Definition] = []
        self._head = 0
        self._followers: weakref.WeakSet[Follower] = weakref.WeakSet()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Definitions head={self._head} kept={len(self._log)}>"

    @property
    def head(self) -> int:
        """The position of the latest definition."""
        return self._head

    def append(
        self, command: str, args: Mapping[str, Any], *, accepted_by: Follower | None = None
    ) -> Definition:
        """Record a definition; the worker behind `accepted_by` has accepted it already. `args` are never changed."""
        with self._lock:
            definition = Definition(
                self._head + 1, _subject_of(command, args), command, args, _uses_in(command, args)
            )
            if accepted_by is not None:
                accepted_by.note_accepted(definition)
            told_to_all = min((follower.applied for follower in self._followers), default=0)
            self._log = _still_needed([*self._log, definition], told_to_all)
            self._head = definition.position  # last: whoever sees it may count on the rest
            return definition

    def follow(self) -> Follower:
        """A follower at the very beginning: a worker that knows nothing."""
        follower = Follower(self)
        with self._lock:
            self._followers.add(follower)
        return follower

    def forget(self, follower: Follower) -> None:
        """Nobody will tell this worker anything any more."""
        with self._lock:
            self._followers.discard(follower)

    def since(self, position: int) -> list[Definition]:
        """What came after `position`, oldest first."""
        with self._lock:
            return [definition for definition in self._log if definition.position > position]


class Follower:
    """How much of the log one worker has been told, and what it therefore knows."""

    def __init__(self, log: Definitions) -> None:
        self._log = log
        self._applied = 0
        self._accepted: set[int] = set()  # positions beyond that which the worker has taken as ordinary calls
        self._known: set[str] = set()  # subjects that it has heard of, and not of their end
        self._telling = threading.Lock()
        self._noting = threading.Lock()

    def __repr__(self) -> str:
        return f"<Follower applied={self._applied} of {self._log!r}>"

    @property
    def applied(self) -> int:
        """The position up to which it has been told everything."""
        return self._applied

    @property
    def is_behind(self) -> bool:
        """Whether the log has something it was not told yet."""
        return self._applied != self._log.head

    def note_accepted(self, definition: Definition) -> None:
        """The worker has accepted this definition as an ordinary call: it need not be told."""
        with self._noting:
            self._accepted.add(definition.position)
        self._note(definition)

    def note_configured(self, configuration: Mapping[str, Any]) -> None:
        """The worker was configured so before it followed: it need not be told if the log begins with that very map."""
        first = next(iter(self._log.since(0)), None)
        if first is not None and first.command == Command.CONFIGURE and first.args is configuration:
            self.note_accepted(first)

    def catch_up(self, tell: Callable[[Definition], None]) -> None:
        """Tell what was missed, in order; when this returns, all of it is on its way.

        What the worker has accepted by itself is told again when it comes after something of the same subject that it
        had not heard of: so all workers end with the same last word.
        """
        if not self.is_behind:
            return
        with self._telling:
            head = self._log.head
            told: set[str] = set()
            for definition in self._log.since(self._applied):
                if self._has_to_hear(definition, told):
                    tell(definition)
                    told.add(definition.subject)
                    self._note(definition)
                head = max(head, definition.position)
            with self._noting:
                self._accepted = {position for position in self._accepted if position > head}
            self._applied = head

    def _has_to_hear(self, definition: Definition, told: set[str]) -> bool:
        with self._noting:
            if definition.command == Command.DELETE and definition.subject not in self._known:
                return False  # what it never heard of, it need not forget
            return definition.position not in self._accepted or definition.subject in told

    def _note(self, definition: Definition) -> None:
        with self._noting:
            if definition.command == Command.DELETE:
                self._known.discard(definition.subject)
            else:
                self._known.add(definition.subject)


def copy_of(value: Any) -> Any:
    """A copy of a wire value that shares no map and no list with it; what is no wire value stays as it is."""
    match value:
        case Mapping():
            return {key: copy_of(item) for key, item in cast("Mapping[Any, Any]", value).items()}
        case list() | tuple():
            return [copy_of(item) for item in cast("list[Any]", value)]
        case _:
            return value


def _subject_of(command: str, args: Mapping[str, Any]) -> str:
    return _CONFIGURATION if command == Command.CONFIGURE else str(args.get("id"))


def _still_needed(log: list[Definition], told_to_all: int) -> list[Definition]:
    """The part of `log` that leads anybody who has been told up to `told_to_all`, or nothing, to the same state."""
    kept: list[Definition] = []
    # Subjects that a later definition stands for anew, and nobody kept was built of since.
    replaced: set[str] = set()
    restated: set[str] = set()  # subjects that a later definition gives their state
    configured: set[str] = set()
    for definition in reversed(log):
        subject = definition.subject
        match definition.command:
            case Command.CONFIGURE:
                needed = not _settings_of(definition) <= configured
                configured |= _settings_of(definition)
            case Command.LOAD_STATE:
                needed = subject not in replaced | restated
                restated.add(subject)
            case _:
                needed = subject not in replaced
                replaced.add(subject)
        if needed:
            kept.append(definition)
            replaced -= definition.uses
            restated -= definition.uses
    kept.reverse()
    return [definition for definition in kept if not _is_spent(definition, kept, told_to_all)]


def _is_spent(definition: Definition, kept: list[Definition], told_to_all: int) -> bool:
    """Whether this deletion is known to all, and deletes nothing that a replay would create."""
    if definition.command != Command.DELETE or definition.position > told_to_all:
        return False
    earlier = (one for one in kept if one.position < definition.position)
    return all(one.subject != definition.subject or one.command == Command.DELETE for one in earlier)


def _settings_of(definition: Definition) -> frozenset[str]:
    """What a `configure` sets, each under a name of its own."""
    names = {name for name in definition.args if name != _SETTINGS}
    settings = definition.args.get(_SETTINGS)
    if isinstance(settings, Mapping):
        names |= {f"{_SETTINGS}.{name}" for name in cast("Mapping[str, Any]", settings)}
    return frozenset(names)


def _uses_in(command: str, args: Mapping[str, Any]) -> frozenset[str]:
    if command not in (Command.CREATE_MODULE, Command.CREATE_PROGRAM):
        return frozenset()
    return frozenset(_texts_in({name: value for name, value in args.items() if name != "id"}))


def _texts_in(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for item in cast("Mapping[str, Any]", value).values():
                yield from _texts_in(item)
        case list() | tuple():
            for item in cast("list[Any]", value):
                yield from _texts_in(item)
        case _:
            return
