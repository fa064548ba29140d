"""Dispatcher: gives each message from the host to the part of the worker that it is for."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from dspash_protocol import (
    Cancel,
    Command,
    Defect,
    ErrorReply,
    Event,
    Fault,
    FaultError,
    FaultKind,
    Notice,
    NoticeName,
    Progress,
    Received,
    Request,
    Result,
    Session,
)
from dspash_worker.calls import Calls
from dspash_worker.channel import Channel
from dspash_worker.greeting import Greeting, answer_greeting, read_greeting
from dspash_worker.log import say
from dspash_worker.reply import reply_with_fault, reply_with_value
from dspash_worker.reverse import ReverseRequests
from dspash_worker.versions import find_versions

__all__ = ["Dispatcher"]

GRACE_S: Final = 5.0
"""What open calls are given to end at a shutdown that does not say."""

LONGEST_GRACE_S: Final = 86_400.0


class Dispatcher:
    """Runs in the reading thread and never waits. Serves hello, ping and shutdown itself; calls go to their threads.

    `on_mode` is told what kind of session this is, as soon as it is known: the host's greeting, or None in plain mode.
    """

    def __init__(
        self,
        session: Session,
        channel: Channel,
        *,
        calls: Calls,
        asks: ReverseRequests,
        max_frame: int,
        pid: int | None,
        on_mode: Callable[[Greeting | None], None],
    ) -> None:
        self._session = session
        self._channel = channel
        self._calls = calls
        self._asks = asks
        self._max_frame = max_frame
        self._pid = pid
        self._on_mode = on_mode
        self._mode_known = False
        self._own: dict[str, Callable[[Request], None]] = {
            Command.HELLO: self._greet,
            Command.PING: self._ping,
            Command.SHUTDOWN: self._shut_down,
        }

    def receive(self, received: Received) -> None:
        """Serve one message. Never raises: what goes wrong here is a defect of the worker, told and survived."""
        try:
            self._route(received)
        except ConnectionError:
            pass  # the channel ends by itself
        except Exception:  # noqa: BLE001 - the thread that reads must outlive any defect
            say(f"a message could not be served\n{traceback.format_exc()}")
            if isinstance(received, Request):
                fault = Fault(FaultKind.INTERNAL, "the worker failed to serve this request")
                reply_with_fault(self._channel, received.id, fault)

    def _route(self, received: Received) -> None:
        match received:
            case Request():
                self._serve(received)
            case Result() | ErrorReply():
                self._asks.receive_reply(received)
            case Event():
                self._asks.receive_event(received)
            case Cancel():
                reason = (
                    f"cancelled by the host: {received.reason}"
                    if received.reason
                    else "cancelled by the host"
                )
                self._calls.cancel(received.id, Fault(FaultKind.CANCELLED, reason))
            case Defect():
                self._answer_defect(received)
            case Notice():
                pass  # none is defined yet for a worker to hear; a newer host may say more

    def _serve(self, request: Request) -> None:
        if not self._mode_known and request.command != Command.HELLO:
            self._mode_known = True
            self._on_mode(None)
        serve = self._own.get(request.command)
        if serve is None:
            self._calls.admit(request, full=self._session.is_full)
        else:
            serve(request)

    def _ping(self, request: Request) -> None:
        reply_with_value(self._channel, request.id, {"payload": request.args.get("payload")})

    def _greet(self, request: Request) -> None:
        try:
            greeting = read_greeting(request.args)
        except FaultError as error:
            reply_with_fault(self._channel, request.id, replace(error.fault, progress=Progress.SENT))
            return
        self._session.peer_max_frame = greeting.max_frame
        answer = answer_greeting(
            max_frame=self._max_frame,
            concurrency=self._calls.concurrency,
            versions=find_versions(),
            pid=self._pid or os.getpid(),
        )
        reply_with_value(self._channel, request.id, answer)
        self._mode_known = True
        self._on_mode(greeting)

    def _shut_down(self, request: Request) -> None:
        grace_s = request.args.get("grace_s", GRACE_S)
        if type(grace_s) not in (int, float) or not 0 <= grace_s <= LONGEST_GRACE_S:
            # The session is draining already: the worker will end, only not in the time that was meant.
            message = f"grace_s is seconds, from 0 to {LONGEST_GRACE_S:g}; {GRACE_S:g} were taken"
            reply_with_fault(
                self._channel,
                request.id,
                FaultError.of(FaultKind.INVALID_INPUT, message, path="$.grace_s").fault,
            )
            self._calls.drain(GRACE_S, self._channel.stop)
            return

        def finish() -> None:
            reply_with_value(self._channel, request.id, {"outcomes": dict(self._calls.outcomes)})
            self._channel.stop()

        self._calls.drain(grace_s, finish)

    def _answer_defect(self, defect: Defect) -> None:
        if defect.request_id is not None:
            reply_with_fault(self._channel, defect.request_id, defect.fault)
        elif defect.own_request_id is not None:
            self._asks.fail(defect.own_request_id, defect.fault)
        elif self._session.is_full:
            self._channel.send(Notice(NoticeName.PROTOCOL_ERROR, defect.fault.to_map()))
        else:
            say(f"refused a message without a usable id: {defect.fault.message}")
