"""Caller: makes the calls of an app, in a worker of the pool or in a sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from dspash.app.call_trace import CallTrace, is_traced
from dspash.app.sandboxing import Sandboxing
from dspash.bridge import Bridge, Call, CallOptions
from dspash.bridge.sandboxed import Sandboxed
from dspash.errors import OverloadedError
from dspash.supervision.validation import require_period
from dspash_protocol import Command, Event

if TYPE_CHECKING:
    from dspash.gateway.lm_call import Payer
    from dspash.resources.recording import Recorder
    from dspash.resources.tracing import Subject

__all__ = ["Caller"]

FILES: Final = "out"
"""The folder, below the one a sandboxed program is in, from which files are brought to its caller."""

_ROUTED: Final = frozenset(
    map(
        str,
        (
            Command.FORWARD,
            Command.EXECUTE,
            Command.EVALUATE,
            Command.OPTIMIZE,
            Command.DUMP_STATE,
            Command.LOAD_STATE,
        ),
    )
)
"""What runs where the runnable that it names is kept."""

_RUNS: Final = frozenset(map(str, (Command.FORWARD, Command.EXECUTE)))


class Caller:
    """Knows how a call is made that says nothing more, and where what it is about is kept.

    While it has a `recorder`, every run is traced and recorded.
    """

    def __init__(self, bridge: Bridge, sandboxing: Sandboxing, *, timeout_s: float) -> None:
        self._bridge = bridge
        self._sandboxing = sandboxing
        self._options = CallOptions(timeout_s)
        self.recorder: Recorder | None = None

    def __repr__(self) -> str:
        return f"<Caller {self._options.timeout_s:g} s>"

    def submit(
        self,
        command: str,
        args: Mapping[str, Any],
        *,
        timeout_s: float | None = None,
        sticky: str | None = None,
        owner: str | None = None,
        on_event: Callable[[Event], None] | None = None,
        sandbox: Sandboxed | None = None,
        subject: Callable[[], Subject] | None = None,
        payer: Payer | None = None,
        wait: bool = True,
    ) -> Call:
        """Make a call; without `sandbox` it runs where what it names is kept. See Bridge.submit.

        `subject` tells, later, what is known of what it runs; `payer` is on whose account its LM calls are made.
        """
        command = str(command)  # an error that names it shows its text, not the member of an enumeration
        if sandbox is None and command in _ROUTED:
            sandbox = self._sandboxing.order_for(args)
        if sandbox is not None and command in _RUNS:
            args = {**args, "files": FILES}
        trace = None
        if self.recorder is not None and is_traced(command, args):
            trace = CallTrace(self.recorder, args, on_event, subject)
            args, on_event = {**args, "trace": True}, trace.take
        options = self._options
        if any(given is not None for given in (timeout_s, sticky, owner, on_event, sandbox, payer)):
            limit_s = options.timeout_s if timeout_s is None else timeout_s
            require_period("timeout_s", limit_s)
            options = CallOptions(
                limit_s, sticky=sticky, owner=owner, on_event=on_event, sandbox=sandbox, payer=payer
            )
        call = self._bridge.submit(command, args, options, wait=wait)
        if trace is not None:
            trace.follow(call)
        return call

    async def begin(self, command: str, args: Mapping[str, Any], **options: Any) -> Call:
        """The same from an event loop, which goes on while a full queue is waited for."""
        try:
            return self.submit(command, args, **options, wait=False)
        except OverloadedError:
            return await asyncio.to_thread(self.submit, command, args, **options)

    async def awaited(self, command: str, args: Mapping[str, Any], **options: Any) -> Any:
        """The same to its result. Cancelling the task cancels the call."""
        call = await self.begin(command, args, **options)
        return await asyncio.wrap_future(call.future)
