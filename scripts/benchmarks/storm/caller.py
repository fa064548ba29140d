"""Caller: makes the storm's calls, through futures and through tasks, each with a token of its own."""

from __future__ import annotations

import asyncio
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import dspash
from benchmarks.storm.deeds import PROGRAM_SOURCE
from benchmarks.storm.ledger import Entry, Expectation, Ledger
from benchmarks.storm.plan import MakeCall
from benchmarks.storm.residue import OWN_THREADS

__all__ = ["Caller"]

_QUICK_S: Final = 20.0  # for calls that nothing but the weather can delay


class Caller:
    """Makes calls of one app at a time and enters each into the ledger. Owns the event loop that awaits some of them.

    One thread makes the calls.
    """

    def __init__(self, ledger: Ledger, runs: Path) -> None:
        self._ledger = ledger
        self._runs = runs
        self._tokens = itertools.count()
        self._programs: list[dspash.Program] = []
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(4, thread_name_prefix=OWN_THREADS))
        self._thread = threading.Thread(target=self._loop.run_forever, name=OWN_THREADS)
        self._thread.start()

    def leave(self) -> None:
        """End the event loop."""
        asyncio.run_coroutine_threadsafe(self._loop.shutdown_default_executor(), self._loop).result(_QUICK_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def serve(self, app: dspash.App) -> None:
        """Make the calls that follow with `app`, which has no program yet."""
        self._app = app
        self._programs.clear()

    def define(self, step: int) -> None:
        """Create the program once more, under a new name, for the calls that follow."""
        name = f"storm-{next(self._tokens)}"
        try:
            self._programs.append(self._app.program(name, source=PROGRAM_SOURCE, tools={"relay": _relay}))
        except dspash.DspashError as error:
            self._ledger.refuse("a definition", step, error, allowed=())

    def forget(self, step: int) -> None:
        """Delete every program but the last; no call is open."""
        while len(self._programs) > 1:
            try:
                self._app.delete(self._programs[0])
            except dspash.DspashError as error:
                self._ledger.refuse("a deletion", step, error, allowed=())
                return
            del self._programs[0]

    def act(self, step: int, call: MakeCall) -> None:
        """Have the program do a deed."""
        if not self._programs:
            self.define(step)
            if not self._programs:
                return  # no worker lived long enough to learn of it
        read = _as_it_is if call.awaited else _field_of
        entry = Entry(self._token(), str(call.deed), step, call.timeout_s, read, Expectation.of(call.deed))
        program = self._programs[-1]
        inputs = {
            "token": entry.token,
            "deed": str(call.deed),
            "amount": call.amount,
            "runs": str(self._runs),
        }
        if call.awaited:
            run = self._run(program, inputs, call.timeout_s)
            self._ledger.enter(entry, asyncio.run_coroutine_threadsafe(run, self._loop))
        else:
            self._submit(entry, *program.request(inputs))

    def ping(self, step: int, size: int) -> None:
        """The smallest call, with `size` bytes more than its token."""
        entry = Entry(self._token(), "ping", step, _QUICK_S, _payload_of, Expectation())
        self._submit(entry, "ping", {"payload": {"token": entry.token, "ballast": b"x" * size}})

    def send_oversized(self, step: int, size: int) -> None:
        """A request of more than `size` bytes, which is more than a frame may have."""
        expected = Expectation(answers=False, failures=(dspash.FrameTooLargeError,))
        entry = Entry(self._token(), "oversized request", step, _QUICK_S, _payload_of, expected)
        self._submit(entry, "ping", {"payload": "x" * size})

    def send_unserialisable(self, step: int) -> None:
        """A request that has no wire form."""
        expected = Expectation(answers=False, failures=(dspash.InvalidInputError,))
        entry = Entry(self._token(), "unserialisable request", step, _QUICK_S, _payload_of, expected)
        self._submit(entry, "ping", {"payload": object()})

    async def _run(self, program: dspash.Program, inputs: dict[str, Any], timeout_s: float) -> Any:
        return (await self._app.arun(program, inputs, timeout_s=timeout_s)).token

    def _submit(self, entry: Entry, command: str, args: dict[str, Any]) -> None:
        try:
            future = self._app.submit(command, args, timeout_s=entry.timeout_s)
        except dspash.DspashError as error:
            self._ledger.refuse(entry.what, entry.step, error, allowed=entry.expected.failures)
        else:
            self._ledger.enter(entry, future)

    def _token(self) -> str:
        return f"token-{next(self._tokens)}"


def _relay(token: str) -> str:
    """Say the token back."""
    return token


def _as_it_is(answer: Any) -> Any:
    return answer


def _field_of(answer: Any) -> Any:
    return answer["fields"]["token"]


def _payload_of(answer: Any) -> Any:
    return answer["payload"]["token"]
