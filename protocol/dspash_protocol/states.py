"""States: the whole session machine as one table; what is illegal is a missing key."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["TRANSITIONS", "Role", "Signal", "State"]


class Role(StrEnum):
    """Which end of the pipe this is."""

    HOST = "host"
    WORKER = "worker"


class State(StrEnum):
    """Where a session stands; both ends agree on it."""

    NEW = "new"  # nothing was said yet
    PLAIN = "plain"  # the first request was no hello: requests and replies, nothing else
    GREETED = "greeted"  # hello was said, its answer is due
    FULL = "full"
    PLAIN_DRAINING = "plain_draining"  # shutdown was said: open requests end, no new ones
    DRAINING = "draining"
    CLOSED = "closed"


class Signal(StrEnum):
    """What moves a session, named by who says what."""

    HELLO = "hello"  # host: the request of that name
    ACCEPTED = "accepted"  # worker: hello's result
    REFUSED = "refused"  # worker: hello's error
    REQUEST = "request"  # host: any other request
    REPLY = "reply"  # worker: answers one
    ASK = "ask"  # worker: a reverse request
    ANSWER = "answer"  # host: answers one
    EVENT = "event"  # either, about a request it is answering
    CANCEL = "cancel"  # either, about a request of its own
    NOTICE = "notice"  # either
    SHUTDOWN = "shutdown"  # host: the request of that name
    EOF = "eof"  # the pipe ended between frames
    BROKEN = "broken"  # the pipe is no longer a sequence of frames


_END: Final = {Signal.EOF: State.CLOSED, Signal.BROKEN: State.CLOSED}


def _staying(state: State, *signals: Signal) -> dict[Signal, State]:
    return dict.fromkeys(signals, state)


_TALK: Final = (Signal.REPLY, Signal.ASK, Signal.ANSWER, Signal.EVENT, Signal.CANCEL, Signal.NOTICE)

TRANSITIONS: Final[dict[State, dict[Signal, State]]] = {
    State.NEW: {
        Signal.HELLO: State.GREETED,
        Signal.REQUEST: State.PLAIN,
        Signal.SHUTDOWN: State.PLAIN_DRAINING,
        Signal.REPLY: State.NEW,  # a first request that is refused leaves the session new
        **_END,
    },
    State.PLAIN: {
        **_staying(State.PLAIN, Signal.REQUEST, Signal.REPLY),
        Signal.SHUTDOWN: State.PLAIN_DRAINING,
        **_END,
    },
    State.GREETED: {
        Signal.ACCEPTED: State.FULL,
        Signal.REFUSED: State.NEW,
        Signal.REPLY: State.GREETED,  # as in NEW
        **_END,
    },
    State.FULL: {
        **_staying(State.FULL, Signal.REQUEST, *_TALK),
        Signal.SHUTDOWN: State.DRAINING,
        **_END,
    },
    State.PLAIN_DRAINING: {Signal.REPLY: State.PLAIN_DRAINING, **_END},
    State.DRAINING: {**_staying(State.DRAINING, *_TALK), **_END},
    State.CLOSED: {},
}
