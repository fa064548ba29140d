"""Testing: a call without a pipe, for those who test what runs in a worker."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping
from typing import Any

from dspash_protocol import Command, EventKind, FaultError, FaultKind, ReverseCommand, check_value
from dspash_worker.cancellation import CallCancelled

__all__ = ["LocalCall"]


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
        self.id = next(self._ids)
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

    def ask(self, command: ReverseCommand, args: Mapping[str, Any], *, timeout_s: float | None = None) -> Any:
        self.check()
        if not self.full:
            raise FaultError.of(FaultKind.UNAVAILABLE, f"{command} cannot be sent in a plain session")
        check_value(args)
        with self._lock:
            self.asked.append((command, args))
        answer = self._answers.get(command)
        if answer is None:
            raise FaultError.of(FaultKind.UNAVAILABLE, f"nothing answers {command} here")
        value = answer(args)
        check_value(None if command is ReverseCommand.LM_STREAM else value)
        return value

    def ask_stream(
        self, command: ReverseCommand, args: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> Generator[Any, None, Any]:
        items: Iterable[Any] = self.ask(command, args, timeout_s=timeout_s)
        for item in items:
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
