"""Testing: a worker's domain without pipes, for those who test what runs in one."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from typing import Any, Final, cast

from dspy import lm15
from dspy._vendor.lm15.serde import response_from_dict, response_to_dict, stream_event_to_dict

from dspash_protocol import Command, EventKind, Fault, FaultError, FaultKind, ReverseCommand, check_value
from dspash_worker.call import Call
from dspash_worker.cancellation import CallCancelled
from dspash_worker.commands import HANDLERS
from dspash_worker.faults import fault_of
from dspash_worker.workbench import Workbench

__all__ = ["LocalCall", "LocalWorker", "chat_text", "completion", "completion_events"]


_STREAMED: Final = (ReverseCommand.LM_STREAM, ReverseCommand.INTERPRETER_EXECUTE)
"""What is answered by an iterable of items; where that is a generator, the answer's result is what it returns."""


class LocalCall:
    """Stands for `Call`: reverse requests are answered by functions, events are collected.

    `answers` maps a reverse command to a function of its args; for a stream it returns the items.
    """

    _ids = iter(range(1, 2**62))

    def __init__(
        self,
        command: Command,
        args: Mapping[str, Any],
        *,
        full: bool = True,
        answers: Mapping[ReverseCommand, Callable[[Mapping[str, Any]], Any]] | None = None,
    ) -> None:
        check_value(args)
        self.id = self.arrival = next(self._ids)
        self.command = command
        self.args = args
        self.full = full
        self.asked: list[tuple[ReverseCommand, Mapping[str, Any]]] = []
        self.events: list[tuple[EventKind, Any]] = []
        self.cancelled: str | None = None
        self._answers = answers or {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<LocalCall {self.id} {self.command} asked={len(self.asked)} events={len(self.events)}>"

    def remaining_s(self) -> float | None:
        return None

    def check(self) -> None:
        if self.cancelled is not None:
            raise CallCancelled(self.cancelled)

    def emit(self, kind: EventKind, data: Any = None) -> None:
        self.check()
        if self.full:
            check_value(data)
            with self._lock:
                self.events.append((kind, data))

    def hold(self, kind: EventKind, data: Any) -> None:
        self.emit(kind, data)

    def ask(self, command: ReverseCommand, args: Mapping[str, Any], *, timeout_s: float | None = None) -> Any:
        self.check()
        if not self.full:
            raise FaultError.of(FaultKind.UNAVAILABLE, f"{command} cannot be sent in a plain session")
        check_value(args)
        with self._lock:
            self.asked.append((command, args))
        answer = self._answers.get(command)
        if answer is None:
            raise FaultError.of(FaultKind.UNKNOWN_COMMAND, f"nothing answers {command} here")
        value = answer(args)
        check_value(None if command in _STREAMED else value)
        return value

    def ask_stream(
        self, command: ReverseCommand, args: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> Generator[Any, None, Any]:
        items: Iterator[Any] = iter(self.ask(command, args, timeout_s=timeout_s))
        while True:
            try:
                item = next(items)
            except StopIteration as ended:
                return ended.value
            self.check()
            yield item

    async def aask(
        self, command: ReverseCommand, args: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> Any:
        return self.ask(command, args, timeout_s=timeout_s)

    def aask_stream(
        self, command: ReverseCommand, args: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> AsyncIterator[Any]:
        async def items() -> AsyncIterator[Any]:
            for item in self.ask(command, args, timeout_s=timeout_s):
                yield item

        return items()


class LocalWorker:
    """A worker's domain without the worker: commands in, results out, in this thread.

    `answers` serve the reverse requests of every call; `last` is the latest call, with what it asked and told.
    """

    def __init__(
        self,
        *,
        full: bool = True,
        answers: Mapping[ReverseCommand, Callable[[Mapping[str, Any]], Any]] | None = None,
    ) -> None:
        self.workbench = Workbench(full=full)
        self.answers = dict(answers or {})
        self.last: LocalCall | None = None

    def call(self, command: str, /, **args: Any) -> Any:
        """Run one command. Raises FaultError as the host would be told."""
        call = self.last = LocalCall(Command(command), args, full=self.workbench.full, answers=self.answers)
        try:
            result = HANDLERS[call.command](self.workbench, cast("Call", call))
            check_value(result)
        except Exception as error:
            raise FaultError(fault_of(error)) from error
        return result

    def fault(self, command: str, /, **args: Any) -> Fault:
        """Run one command that fails, and return why. Raises AssertionError when it does not fail."""
        try:
            result = self.call(command, **args)
        except FaultError as error:
            return error.fault
        raise AssertionError(f"{command} did not fail, it returned {result!r:.200}")

    def events(self, kind: EventKind) -> list[Any]:
        """Return what the latest call has told of this kind."""
        return [] if self.last is None else [data for told, data in self.last.events if told is kind]


def completion(text: str, *, model: str = "scripted") -> dict[str, Any]:
    """Return what `lm.complete` answers when the model says `text`."""
    words = len(text.split())
    response = lm15.Response(
        id=None,
        model=model,
        message=lm15.Message.assistant([lm15.TextPart(text)]),
        finish_reason="stop",
        usage=lm15.Usage(input_tokens=words, output_tokens=words, total_tokens=2 * words),
    )
    return response_to_dict(response)


def completion_events(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what `lm.stream` sends for the same answer, a few characters at a time."""
    whole = [
        stream_event_to_dict(event) for event in lm15.response_to_events(response_from_dict(dict(answer)))
    ]
    pieces: list[dict[str, Any]] = []
    for event in whole:
        text = event["delta"].get("text", "") if event["type"] == "delta" else ""
        cut = [text[at : at + 6] for at in range(0, len(text), 6)]
        pieces += [{**event, "delta": {**event["delta"], "text": piece}} for piece in cut] or [event]
    return pieces


def chat_text(**fields: Any) -> str:
    """Return output fields as a model writes them for DSPy's chat adapter."""
    written = [
        f"[[ ## {name} ## ]]\n{value if isinstance(value, str) else json.dumps(value)}"
        for name, value in fields.items()
    ]
    return "\n\n".join([*written, "[[ ## completed ## ]]"])
