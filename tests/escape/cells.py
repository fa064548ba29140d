"""Cells: workers as a zygote bears them, confined by any set of layers, and a plain conversation with each.

The host's own budgets have no part in this: what is stopped here is stopped by the kernel.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import time
from collections.abc import Generator, Mapping
from concurrent.futures import Future
from typing import Any, Final, Self

from dspash.bridge.forked import ForkedProcess
from dspash.bridge.mailbox import Mailbox
from dspash.bridge.nursery import Nursery
from dspash.bridge.pump import Pump
from dspash.sandbox import Limits, ZygoteSpec, plan_for
from dspash_protocol import (
    PROTOCOL_VERSION,
    BrokenFramingError,
    ErrorReply,
    Message,
    Notice,
    NoticeName,
    Received,
    Request,
    Result,
    Role,
    Session,
    TruncatedFrameError,
)
from dspash_protocol.birth import ConfinementPlan, WorkerOptions
from tests.escape.attempt import Attempt
from tests.escape.outcome import Outcome
from tests.escape.texts import WITNESS_TEXT, program_of, text_of

__all__ = ["Cell", "Cells"]

_BOUND_S: Final = 30.0
_READ_BYTES: Final = 1 << 18
_GREETING: Final = {
    "protocol": PROTOCOL_VERSION,
    "features": ["events", "reverse", "cancel"],
    "heartbeat_s": 0,
}
_OPTIONS: Final = WorkerOptions(concurrency=2)


class Cell:
    """One worker. `run` makes a program of a text and runs it once; nobody answers what that asks of the host."""

    def __init__(self, process: ForkedProcess, channel: socket.socket, pump: Pump) -> None:
        self.process = process
        self.layers: frozenset[str] = frozenset()
        self._channel = channel
        self._pump = pump
        self._session = Session(Role.HOST)
        self._heard: list[Received] = []
        self._last_id = 0
        pump.run(lambda: pump.watch(process.stderr.fileno(), self._on_stderr))

    def __enter__(self) -> Self:
        self._channel.settimeout(_BOUND_S)
        self._reply_to("hello", _GREETING)
        ready = self._await(lambda message: isinstance(message, Notice) and message.name == NoticeName.READY)
        assert isinstance(ready, Notice)
        self.layers = frozenset(map(str, ready.data.get("layers", ())))
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(_BOUND_S)
        self._last_words()
        self.process.close()
        self._channel.close()

    def begin(self, text: str, entry: str, planted: Mapping[str, Any]) -> int:
        """Have a text's function run, and do not wait for its answer."""
        self._reply_to("create_program", {"id": "program", "source": program_of(text, entry)})
        inputs = {"planted": dict(planted)}
        return self._send("execute", {"program_id": "program", "inputs": inputs, "detail": True})

    def outcome(self, request: int) -> Outcome:
        """What came of it: what the worker says, or how it ended."""
        try:
            reply = self._await(
                lambda message: isinstance(message, Result | ErrorReply) and message.id == request
            )
        except (EOFError, TimeoutError, BrokenFramingError, TruncatedFrameError) as error:
            self.process.kill()
            end = self.process.wait(_BOUND_S)
            return Outcome(error=f"{error!r}: {end}", stderr=self._last_words())
        if isinstance(reply, Result):
            return Outcome(reply.result["fields"]["answer"])
        assert isinstance(reply, ErrorReply)
        return Outcome(error=f"{reply.fault.type}: {reply.fault.message}")

    def run(self, text: str, entry: str, planted: Mapping[str, Any]) -> Outcome:
        """Have a text's function run, and wait."""
        try:
            return self.outcome(self.begin(text, entry, planted))
        except OSError as error:  # it has ended
            return Outcome(error=repr(error))

    def _reply_to(self, command: str, args: Mapping[str, Any]) -> Result:
        number = self._send(command, args)
        reply = self._await(lambda message: isinstance(message, Result | ErrorReply) and message.id == number)
        if not isinstance(reply, Result):
            raise AssertionError(f"{command}: {reply}")
        return reply

    def _send(self, command: str, args: Mapping[str, Any]) -> int:
        self._last_id += 1
        self._channel.sendall(self._session.send(Request(self._last_id, command, args)))
        return self._last_id

    def _await(self, is_it: Any) -> Message:
        end = time.monotonic() + _BOUND_S
        while True:
            for message in self._heard:
                if is_it(message):
                    self._heard.remove(message)
                    return message  # pyright: ignore[reportReturnType]
            if time.monotonic() > end:
                raise TimeoutError("no answer")
            data = self._channel.recv(_READ_BYTES)
            if not data:
                raise EOFError("the worker's end is closed")
            self._heard += self._session.receive(data)

    def _last_words(self) -> str:
        """What it has printed; it has ended, and nothing more is read."""
        words: Future[str] = Future()

        def read_rest() -> None:
            stderr = self.process.stderr
            self._pump.unwatch(stderr.fileno())
            stderr.read_rest()
            words.set_result("\n".join(stderr.lines))

        self._pump.run(read_rest)
        return words.result(_BOUND_S)

    def _on_stderr(self, _events: int) -> None:
        if not self.process.stderr.read():
            self._pump.unwatch(self.process.stderr.fileno())


class Cells:
    """Zygotes and what they bear; a context manager."""

    def __init__(self, spec: ZygoteSpec) -> None:
        self.spec = spec
        self._pump = Pump("cells")
        self._mailbox = Mailbox("cells")
        self._nursery = Nursery(self._pump, self._mailbox, boot_timeout_s=_BOUND_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._mailbox.cast(self._nursery.close)
        self._mailbox.close()
        self._mailbox.join()
        self._pump.close()

    def plan(self, limits: Mapping[str, float]) -> ConfinementPlan:
        """The plan of a call with these limits."""
        return plan_for(self.spec, Limits(**limits), _OPTIONS)  # pyright: ignore[reportArgumentType]

    @contextlib.contextmanager
    def cell(self, plan: ConfinementPlan) -> Generator[Cell]:
        """A worker that is confined so, ended with the block."""
        born: Future[tuple[ForkedProcess, socket.socket]] = Future()

        def on_started(process: ForkedProcess, channel: socket.socket) -> None:
            born.set_result((process, channel))

        self._mailbox.cast(
            functools.partial(self._nursery.spawn, self.spec, plan, on_started, born.set_exception)
        )
        process, channel = born.result(_BOUND_S)
        with Cell(process, channel, self._pump) as cell:
            assert cell.layers == plan.layers, f"{sorted(cell.layers)} were applied"
            yield cell

    def run(
        self, attempt: Attempt, planted: Mapping[str, Any], number: int, plan: ConfinementPlan
    ) -> Outcome:
        """Run an attempt, a pair in two workers, and a witness after it in a third."""
        text = text_of(attempt)
        with contextlib.ExitStack() as cells:
            if attempt.is_pair:
                neighbour = cells.enter_context(self.cell(plan))
                neighbour.begin(text, "neighbour", {**planted, "number": number})
            outcome = cells.enter_context(self.cell(plan)).run(text, "attempt", planted)
        with self.cell(plan) as witness:
            beside = witness.run(WITNESS_TEXT, "attempt", {})
        return Outcome(outcome.answer, outcome.error, outcome.stderr, str(beside.answer))
