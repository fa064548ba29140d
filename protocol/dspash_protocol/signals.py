"""Signals of messages: what each means to a session's state, and whose request it is about."""

from __future__ import annotations

from typing import Final

from dspash_protocol.commands import Command
from dspash_protocol.messages import Cancel, ErrorReply, Event, Message, Notice, Request, Result
from dspash_protocol.states import Role, Signal

__all__ = ["ABOUT_THE_SPEAKERS_OWN", "ID_SIGNS", "NUMBERING", "signal_of"]

ID_SIGNS: Final = {Role.HOST: 1, Role.WORKER: -1}
"""The sign of an id tells whose request it is."""

NUMBERING: Final = "the host numbers its requests from 1 up, the worker from -1 down"

ABOUT_THE_SPEAKERS_OWN: Final = (Request, Cancel)
"""Messages that name a request of whoever says them; the others, but for notices, name one of the listener's."""

_BY_TYPE: Final[dict[Role, dict[type[Message], Signal]]] = {
    Role.HOST: {
        Request: Signal.REQUEST,
        Result: Signal.ANSWER,
        ErrorReply: Signal.ANSWER,
        Event: Signal.EVENT,
        Cancel: Signal.CANCEL,
        Notice: Signal.NOTICE,
    },
    Role.WORKER: {
        Request: Signal.ASK,
        Result: Signal.REPLY,
        ErrorReply: Signal.REPLY,
        Event: Signal.EVENT,
        Cancel: Signal.CANCEL,
        Notice: Signal.NOTICE,
    },
}
_BY_COMMAND: Final[dict[Role, dict[str, Signal]]] = {
    Role.HOST: {Command.HELLO.value: Signal.HELLO, Command.SHUTDOWN.value: Signal.SHUTDOWN},
    Role.WORKER: {},
}


def signal_of(message: Message, speaker: Role, greeting: int | None) -> Signal:
    """What `message` means when `speaker` says it; `greeting` is the id of a hello that awaits its answer."""
    signal = _BY_TYPE[speaker][type(message)]
    if isinstance(message, Request):
        return _BY_COMMAND[speaker].get(message.command, signal)
    if greeting is not None and isinstance(message, Result | ErrorReply) and message.id == greeting:
        return Signal.ACCEPTED if isinstance(message, Result) else Signal.REFUSED
    return signal
