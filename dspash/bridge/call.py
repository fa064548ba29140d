"""Call: one request of the host, from the moment it is made to its one outcome."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import KW_ONLY, dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from dspash.errors import CallTimeoutError, ReentrancyError
from dspash_protocol import Event, EventKind, Progress

if TYPE_CHECKING:
    from dspash.bridge.worker import Worker

__all__ = ["Call", "CallFuture", "CallOptions", "Standing", "delivering"]

_serials: Final = itertools.count(1)
_thread: Final = threading.local()


class delivering:  # noqa: N801 - reads as a verb, like contextlib's own
    """Mark this thread, inside the block, as one that delivers outcomes: it must not wait for any."""

    __slots__ = ()

    def __enter__(self) -> None:
        _thread.delivers = True

    def __exit__(self, *_: object) -> None:
        _thread.delivers = False


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How a call is to be made, beside what it asks.

    `timeout_s` is for everything: queue, wire, worker, LM calls and tools. Calls with the same `sticky` key go to the
    same worker. `owner` is the id of the module or program it runs: its tools are those the call may use. `on_event`
    is told, on the pump's thread, of every event.
    """

    timeout_s: float
    _: KW_ONLY
    owner: str | None = None
    sticky: str | None = None
    on_event: Callable[[Event], None] | None = None


class CallFuture(Future[Any]):
    """A future whose `cancel` reaches the worker: it asks there, and kills what does not listen."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self._call = call

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the outcome. Raises ReentrancyError where what delivers it would wait for itself."""
        self._before_waiting(timeout)
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the outcome; see result."""
        self._before_waiting(timeout)
        return super().exception(timeout)

    def cancel(self) -> bool:
        """End the call for its caller at once; False when it has ended already."""
        return self._call.cancel("the caller cancelled it")

    def _before_waiting(self, timeout: float | None) -> None:
        if self.done():
            return
        if getattr(_thread, "delivers", False):
            raise ReentrancyError(
                call="waiting for a call inside a callback", instead="it with the a… method"
            )
        worker = self._call.worker
        if timeout is None and worker is not None:
            worker.lead(self._call)

    def cancel_quietly(self) -> None:
        """Become cancelled and tell whoever waits, without asking anybody."""
        super().cancel()
        self.set_running_or_notify_cancel()


class Standing(Enum):
    """What a call needs to be sent."""

    ORDINARY = "ordinary"  # a free slot
    ASIDE = "aside"  # room: it is too small to need a slot
    NESTED = "nested"  # nothing: it is made on behalf of one that holds a slot, and both could wait for ever


class Call:
    """One request and its outcome. Whoever ends it first wins; every other ending is without effect."""

    __slots__ = (
        "_ticket",
        "args",
        "command",
        "deadline",
        "future",
        "on_cancel",
        "on_end",
        "on_success",
        "options",
        "progress",
        "request_id",
        "serial",
        "standing",
        "worker",
    )

    def __init__(
        self,
        command: str,
        args: Mapping[str, Any],
        options: CallOptions,
        standing: Standing = Standing.ORDINARY,
        not_after: float = math.inf,
    ) -> None:
        self.serial = next(_serials)
        self.command = command
        self.args = args
        self.options = options
        self.standing = standing
        self.deadline = min(time.monotonic() + options.timeout_s, not_after)
        self.progress = Progress.NOT_SENT
        self.worker: Worker | None = None
        self.request_id: int | None = None
        self.future = CallFuture(self)
        self.on_end: Callable[[Call], None] | None = None
        self.on_cancel: Callable[[Call, str], None] | None = None
        self.on_success: Callable[[Call], None] | None = None
        self._ticket = [None]  # taken by whoever ends the call: list.pop is atomic, so only one can

    def __repr__(self) -> str:
        state = "ended" if self.has_ended else str(self.progress)
        return f"<Call {self.serial} {self.command} {state}>"

    @property
    def has_ended(self) -> bool:
        """Whether the outcome is decided."""
        return not self._ticket

    def remaining_s(self) -> float:
        """Seconds to the deadline; negative past it."""
        return self.deadline - time.monotonic()

    def reach(self, progress: Progress) -> None:
        """Remember that the request got at least this far."""
        self.progress = self.progress.at_least(progress)

    def succeed(self, value: Any) -> bool:
        """End with a result; False when it had ended."""
        if not self._take():
            return False
        if self.on_success is not None:
            self.on_success(self)
        self.future.set_result(value)
        return True

    def fail(self, error: BaseException) -> bool:
        """End with an error; False when it had ended."""
        if not self._take():
            return False
        self.future.set_exception(error)
        return True

    def time_out(self) -> bool:
        """End because its deadline has come; False when it had ended."""
        return self.fail(CallTimeoutError(timeout_s=self.options.timeout_s, progress=self.progress))

    def cancel(self, reason: str) -> bool:
        """End as cancelled, and have the worker told; False when it had ended."""
        if not self._take():
            return False
        self.future.cancel_quietly()
        if self.on_cancel is not None:
            self.on_cancel(self, reason)
        return True

    def receive(self, event: Event) -> None:
        """Take an event of the running request."""
        self.reach(Progress.SIDE_EFFECTS if event.kind == EventKind.SIDE_EFFECTS else Progress.STARTED)
        if self.options.on_event is not None and not self.has_ended:
            self.options.on_event(event)

    def _take(self) -> bool:
        try:
            self._ticket.pop()
        except IndexError:
            return False
        if self.on_end is not None:
            self.on_end(self)
        return True
