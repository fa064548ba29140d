"""CallTrace: what one call tells of its steps, kept until it has ended, and then given to the recorder."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from dspash.bridge import Call
from dspash.errors import CallCancelledError, CallTimeoutError, FrameTooLargeError, WorkerFaultError
from dspash_protocol import Command, Event, EventKind, FaultKind
from dspash_protocol.trace import MAX_TRACE

if TYPE_CHECKING:
    from sqlalchemy import Table

    from dspash.resources.kernel.scene import StoredScene
    from dspash.resources.recording import Recorder, Redaction
    from dspash.resources.tracing import Execution, Subject

__all__ = ["CallTrace", "is_traced"]

MOST_PIECES: Final = 2_048
"""More than a worker in its right mind sends: pieces are of some size, or some time apart."""

_KINDS: Final = {
    str(Command.EXECUTE): ("program", "program_id"),
    str(Command.FORWARD): ("module", "module_id"),
}
_ERROR_KINDS: Final[dict[type[BaseException], FaultKind]] = {
    CallTimeoutError: FaultKind.TIMEOUT,
    CallCancelledError: FaultKind.CANCELLED,
    FrameTooLargeError: FaultKind.TOO_LARGE,
}
_STEP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def is_traced(command: str, args: Mapping[str, Any]) -> bool:
    """Whether a request is for one run of a runnable."""
    found = _KINDS.get(command)
    return found is not None and isinstance(args.get(found[1]), str)


class CallTrace:
    """Takes the events of one call, passes on those that are not its own, and has the call recorded once it has ended.

    Events come on the thread that reads, the end on any, and the recorder asks on its own.
    """

    __slots__ = (
        "_args",
        "_call",
        "_characters",
        "_dropped",
        "_ended_at",
        "_on_event",
        "_pieces",
        "_recorder",
        "_subject",
    )

    def __init__(
        self,
        recorder: Recorder,
        args: Mapping[str, Any],
        on_event: Callable[[Event], None] | None,
        subject: Callable[[], Subject] | None,
    ) -> None:
        self._recorder = recorder
        self._subject = subject
        self._args = args
        self._on_event = on_event
        self._pieces: list[Any] = []
        self._characters = 0
        self._dropped = 0
        self._call: Call | None = None
        self._ended_at = 0.0  # seconds since 1970

    def __repr__(self) -> str:
        return f"<CallTrace of {self._call!r} pieces={len(self._pieces)}>"

    @property
    def characters(self) -> int:
        """How long the pieces are."""
        return self._characters

    def take(self, event: Event) -> None:
        """Take one event."""
        if event.kind != EventKind.TRACE:
            if self._on_event is not None:
                self._on_event(event)
            return
        data = _map_or_nothing(event.data) or {}
        spans = data.get("spans")
        size = len(spans) if isinstance(spans, str) else 0
        if len(self._pieces) < MOST_PIECES and self._characters + size <= MAX_TRACE:
            self._characters += size
            self._pieces.append({"spans": spans, "dropped": data.get("dropped")})
        else:
            self._dropped += 1

    def follow(self, call: Call) -> None:
        """Have `call`, whose `on_event` is our `take`, recorded when it ends."""
        self._call = call
        call.future.add_done_callback(self._end)

    def _end(self, _future: Future[Any]) -> None:
        # Whoever waits for the call may wait for this, so the rest is done later.
        self._ended_at = time.time()
        self._recorder.take(self)

    def lighten(self) -> None:
        """There is no room for what the worker has told."""
        self._dropped += len(self._pieces)
        self._pieces, self._characters = [], 0

    def row(self, scene: StoredScene, redaction: Redaction) -> tuple[Table, dict[str, Any]]:
        """Its row among the traces. It has ended."""
        from dspash.resources.tracing.row import row_of
        from dspash.resources.tracing.table import traces_of

        return traces_of(scene), row_of(self.execution(), scene.context.tenant, redaction)

    def execution(self) -> Execution:
        """What is known of the call. It has ended."""
        from dspash.resources.kernel import new_id
        from dspash.resources.tracing.execution import Execution, Subject

        call = self._call
        if call is None:
            raise RuntimeError("a trace follows a call before it is recorded")
        outputs: Mapping[str, Any] | None = None
        error: dict[str, Any] | None = None
        try:
            outputs = _outputs_in(call.future.result(), detail=self._args.get("detail") is True)
        except BaseException as failure:  # noqa: BLE001 - whatever the call ended with is what is recorded
            error = _told(failure)
        kind, name = _KINDS[call.command]
        return Execution(
            id=new_id(),
            subject=Subject(kind=kind, name=self._args[name]) if self._subject is None else self._subject(),
            inputs=_map_or_nothing(self._args.get("inputs")) or {},
            ended_at=datetime.fromtimestamp(self._ended_at, UTC),
            usage=call.usage,
            outputs=outputs,
            error=error,
            pieces=self._pieces,
            dropped=self._dropped,
        )


def _outputs_in(answer: Any, *, detail: bool) -> Mapping[str, Any] | None:
    """The output fields in an answer; None in one that is not what was asked for."""
    answered = _map_or_nothing(answer)
    return _map_or_nothing(answered.get("fields")) if detail and answered is not None else answered


def _map_or_nothing(value: Any) -> Mapping[str, Any] | None:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else None


def _told(error: BaseException) -> dict[str, Any]:
    """An error as traces tell it: its kind in the protocol's words, or that of its class."""
    name = type(error).__name__
    if isinstance(error, WorkerFaultError):
        return {"kind": str(error.kind), "type": error.type or name, "message": error.message}
    kind = _ERROR_KINDS.get(type(error)) or _STEP.sub("_", name.removesuffix("Error")).lower()
    return {"kind": str(kind), "type": name, "message": str(error)}
