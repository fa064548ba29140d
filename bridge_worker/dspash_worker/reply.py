"""Reply: sees to it that a request gets exactly one answer, whatever its result is made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from dspash_protocol import (
    ErrorReply,
    Fault,
    FaultKind,
    LocalProtocolError,
    Result,
    check_value,
)
from dspash_worker.channel import Channel
from dspash_worker.events import EventQueue
from dspash_worker.log import say
from dspash_worker.unsendable import fault_of_unsendable

__all__ = ["reply_with_fault", "reply_with_value"]

_SHORT: Final = 300
"""Characters of a message that fit into the smallest frame a host may ask for, however they are escaped."""


def reply_with_value(
    channel: Channel, request_id: int, value: Any, *, after: EventQueue | None = None
) -> Fault | None:
    """Answer with `value`, behind the events in `after`; if that cannot be sent, with a fault, which is returned."""
    try:
        check_value(value)
        channel.reply(Result(request_id, value), after)
        return None
    except LocalProtocolError as error:
        fault = fault_of_unsendable("the result", error).fault
    except ConnectionError:
        return None
    except BaseException as error:  # noqa: BLE001  (a value may run user code when it is looked at, and that may do anything)
        fault = Fault(
            FaultKind.UNSERIALISABLE,
            f"the result cannot be sent: reading it raised {type(error).__name__}",
            type=type(error).__name__,
            details={"path": "$"},
        )
    reply_with_fault(channel, request_id, fault, after=after)
    return fault


def reply_with_fault(
    channel: Channel, request_id: int, fault: Fault, *, after: EventQueue | None = None
) -> None:
    """Answer with `fault`; if that cannot be sent as it is, with what can be kept of it."""
    for attempt in (fault, _bare(fault)):
        try:
            check_value(attempt.to_map())
            channel.reply(ErrorReply(request_id, attempt), after)
            return
        except ConnectionError:
            return  # nobody is left to answer
        except Exception as error:  # noqa: BLE001  (details come from user code; the bare fault holds only text)
            problem = (
                f"{type(error).__name__}: {error}"
                if isinstance(error, LocalProtocolError)
                else type(error).__name__
            )
    say(f"request {request_id} was not answered: {problem}")


def _bare(fault: Fault) -> Fault:
    message = fault.message.encode(errors="backslashreplace").decode()
    return replace(fault, message=message[:_SHORT], type=fault.type[:_SHORT], details={}, traceback=None)
