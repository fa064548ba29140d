"""Reply: sees to it that a request gets exactly one answer, whatever its result is made of."""

from __future__ import annotations

from typing import Any

from dspash_protocol import ErrorReply, Fault, FaultKind, LocalProtocolError, Result
from dspash_worker.channel import Channel
from dspash_worker.events import EventQueue
from dspash_worker.log import say
from dspash_worker.unsendable import fault_of_unsendable

__all__ = ["reply_with_fault", "reply_with_value"]


def reply_with_value(
    channel: Channel, request_id: int, value: Any, *, after: EventQueue | None = None
) -> Fault | None:
    """Answer with `value`, behind the events in `after`; if it cannot be sent, with a fault, which is returned."""
    try:
        channel.reply(Result(request_id, value), after)
        return None
    except LocalProtocolError as error:
        fault = fault_of_unsendable("the result", error).fault
    except ConnectionError:
        return None  # nobody is left to answer
    except BaseException as error:  # noqa: BLE001 - a value may be a class of the user's, whose methods may do anything
        kind = type(error).__name__
        message = f"the result cannot be sent: reading it raised {kind}"
        fault = Fault(FaultKind.UNSERIALISABLE, message, kind, details={"path": "$"})
    reply_with_fault(channel, request_id, fault, after=after)
    return fault


def reply_with_fault(
    channel: Channel, request_id: int, fault: Fault, *, after: EventQueue | None = None
) -> None:
    """Answer with `fault`, or with what of it can travel."""
    try:
        channel.reply(ErrorReply(request_id, fault), after)
    except ConnectionError:
        return  # nobody is left to answer
    except LocalProtocolError as error:
        say(f"request {request_id} was not answered: {error}")
    except BaseException:  # noqa: BLE001 - as above: the details come from user code
        channel.reply(ErrorReply(request_id, fault.cut()), after)
