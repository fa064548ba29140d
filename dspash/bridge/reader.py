"""Reader: takes in what one worker says, by whichever thread is best placed to read it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from loguru import logger

from dspash.bridge.call import Call, delivering
from dspash.bridge.channel import Channel
from dspash.bridge.overrun import LimitOverrun, Overrun
from dspash.bridge.pump import READABLE, WRITABLE, Pump
from dspash.bridge.stream_budget import SLICE_BYTES, StreamBudget
from dspash_protocol import BrokenFramingError, Received, Session, TruncatedFrameError

__all__ = ["Reader"]

LEAD_S: Final = 0.01
"""How long a caller reads for itself; past that, a switch of threads is no loss worth having."""


class Reader:
    """Reads a channel on the pump's thread, or on the thread of a caller that waits for its reply; never on two at once.

    A reply that is read by the thread that waits for it need not wake the pump first: one switch of threads of two.

    `on_message` is told of each message in turn. `on_end` is told once, after the last: with None when the pipe or the
    process has ended, else with what was wrong. `on_overrun` is told when the peer has gone past its `budget`, after
    which nothing more is taken in. All run on the thread that reads, and must return soon.
    """

    def __init__(
        self,
        channel: Channel,
        session: Session,
        pump: Pump,
        *,
        on_message: Callable[[Received], None],
        on_end: Callable[[str | None], None],
        on_overrun: Callable[[Overrun], None],
        budget: StreamBudget | None = None,
    ) -> None:
        self._channel = channel
        self._session = session
        self._pump = pump
        self._on_message = on_message
        self._on_end = on_end
        self._on_overrun = on_overrun
        self._budget = budget
        self._reading = threading.Lock()  # held by the one thread that takes messages in
        self._over = False  # nothing more is taken in
        self._exited = False  # the process has ended
        self._closing = False  # the descriptor is to be closed
        self._leading: Call | None = None  # the call that the reading thread waits for, if it is a caller's
        self._errand: Callable[[], None] | None = None  # what that thread is to run before it reads on
        self.heard_at = time.monotonic()

    def __repr__(self) -> str:
        return f"<Reader {'over' if self._over else 'open'} {self._channel!r}>"

    # --- on the pump's thread ---

    def start(self) -> None:
        """Listen to the channel."""
        self._pump.watch(self._channel.fileno(), self._on_ready)

    def await_room(self) -> None:
        """Write what waits as soon as the peer takes it."""
        if not self._over:
            self._pump.watch(self._channel.fileno(), self._on_ready, READABLE | WRITABLE)

    def process_ended(self) -> None:
        """What the worker said before its end still counts; nothing follows, even if a child of its holds the pipe."""
        self._exited = True
        self._settle()

    def close(self) -> None:
        """Let go of the descriptor, once nobody reads it."""
        self._closing = True
        self._settle()

    def _on_ready(self, events: int) -> None:
        if events & WRITABLE:
            self._write_on()
        if events & ~WRITABLE and self._reading.acquire(blocking=False):
            try:
                self._read_once()
            finally:
                self._reading.release()

    def _write_on(self) -> None:
        try:
            done = self._channel.flush()
        except OSError:
            done = True  # reading will see the end
        if done and not self._over:
            self._pump.watch(self._channel.fileno(), self._on_ready, READABLE)

    def _settle(self) -> None:
        """Do what has come due while somebody read; a caller that reads has it done when it leaves."""
        if not self._reading.acquire(blocking=False):
            return
        try:
            if self._exited:
                while self._read_once():
                    continue
                self._end(None)
            if self._closing:
                self._over = True
                self._stop_watching()
                self._channel.close()
        finally:
            self._reading.release()

    def _stop_watching(self) -> None:
        self._pump.unwatch(self._channel.fileno())

    # --- on the thread of a caller ---

    def lead(self, call: Call, *, look: bool) -> None:
        """Read for a while, at most until `call` has ended, if nobody else does; and run the errands it hands over.

        `look`: the answer may be so close that sleeping is not worth it.
        """
        while (errand := self._lead_until_errand(call, look=look)) is not None:
            errand()

    def _lead_until_errand(self, call: Call, *, look: bool) -> Callable[[], None] | None:
        if not self._pump.can_pause or self._reading.locked():
            return None
        try:
            with (
                self._reading
            ):  # no acquire that may fail: Ctrl-C could strike before its answer is looked at
                try:
                    return self._lead(call, look=look)
                finally:
                    self._leading = None
                    self._pump.resume(self._channel.fileno())
        finally:
            if self._exited or self._closing:  # looked at last: whoever sets them tries to read after that
                self._pump.run(self._settle)

    def _lead(self, call: Call, *, look: bool) -> Callable[[], None] | None:
        self._pump.pause(self._channel.fileno())
        self._leading = call
        if self._channel.has_backlog:
            self._channel.flush_backlog()  # the request may be in there, and the pump busy with a slow callback
        until = time.monotonic() + LEAD_S
        while not call.has_ended and not self._over:
            data = self._channel.await_data(look=look)
            if data is not None:
                try:
                    with delivering():
                        self._take_in(data)
                except BaseException:
                    # Ctrl-C may come between any two steps here, and what was read is then half delivered.
                    self._end("the host was interrupted while it read")
                    raise
            if self._errand is not None:
                errand, self._errand = self._errand, None
                return errand
            if time.monotonic() >= until:
                return None
        return None

    # --- wherever it reads ---

    def hand_over(self, call: Call, errand: Callable[[], None]) -> bool:
        """Have `errand` run by the thread that reads just now and waits for `call`; False when none does.

        Only from within `on_message`. That thread has nothing else to do, and no switch to another is needed.
        """
        if self._leading is not call or self._errand is not None:
            return False
        self._errand = errand
        return True

    def give_up(self, problem: str) -> None:
        """Take nothing more in. Only from within `on_message`."""
        self._end(problem)

    def _read_once(self) -> bool:
        """Take in what has arrived; whether there may be more."""
        data = None if self._over else self._channel.read()
        if data is None:
            return False
        self._take_in(data)
        return True

    def _take_in(self, data: bytes) -> None:
        """Act on what was read, b"" being the end of the stream."""
        self.heard_at = time.monotonic()
        try:
            if data:
                if self._budget is None:
                    self._hand_on(self._session.receive(data))
                else:
                    self._take_in_slices(data, self._budget)
                return
            self._session.receive_eof()
        except TruncatedFrameError:
            logger.debug("{} ended inside a frame, as one that is killed may", self._channel)
        except BrokenFramingError as error:
            self._hand_on(error.received)
            self._end(str(error))
            return
        self._end(None)

    def _take_in_slices(self, data: bytes, budget: StreamBudget) -> None:
        """Take in `data` until the budget is spent: no more of it is decoded than that."""
        with memoryview(data) as view:
            for start in range(0, len(view), SLICE_BYTES):
                if self._over:
                    return
                piece = view[start : start + SLICE_BYTES]
                began = time.thread_time()
                messages = self._session.receive(piece)
                reading_s = time.thread_time() - began
                mid_frame = self._session.is_mid_frame
                try:
                    budget.take(len(piece), len(messages), mid_frame=mid_frame, reading_s=reading_s)
                except LimitOverrun as error:
                    self._on_overrun(error.overrun)
                    return
                self._hand_on(messages)

    def _hand_on(self, messages: Iterable[Received]) -> None:
        for message in messages:
            if self._over:
                return
            try:
                self._on_message(message)
            except Exception:  # noqa: BLE001 - a defect that one message shows must not cost those behind it
                logger.exception("a message could not be taken in")

    def _end(self, problem: str | None) -> None:
        if not self._over:
            self._over = True
            self._pump.run(self._stop_watching)
            self._on_end(problem)
