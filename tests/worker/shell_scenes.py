"""Scenes: what user code may do to the shell around it, without DSPy."""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dspash_protocol import EventKind, FaultError, FaultKind, ReverseCommand
from dspash_worker.call import Call, CallCancelled

SCENES: dict[str, Callable[[Call], Any]] = {}


def scene(function: Callable[[Call], Any]) -> Callable[[Call], Any]:
    SCENES[function.__name__] = function
    return function


@scene
def echo(call: Call) -> Any:
    return call.args.get("value")


@scene
def wait(call: Call) -> Any:
    """User code that runs until it is interrupted."""
    while True:
        time.sleep(0.001)


@scene
def spin(call: Call) -> Any:
    while True:
        pass


@scene
def stuck_in_c(call: Call) -> Any:
    ctypes.CDLL(None).sleep(3600)


@scene
def swallow(call: Call) -> Any:
    """User code that takes `times` cancellations for something else, then returns."""
    for _ in range(call.args["times"]):
        try:
            wait(call)
        except CallCancelled:
            KEPT.append("swallowed")


@scene
def race(call: Call) -> Any:
    """Ends by itself at about the time it is cancelled."""
    end = time.perf_counter() + call.args["us"] / 1e6
    while time.perf_counter() < end:
        pass
    return "done"


@scene
def mode(call: Call) -> Any:
    return {"full": call.full, "thread": threading.current_thread().name, "remaining_s": call.remaining_s()}


# --- prints, children ---


@scene
def shout(call: Call) -> Any:
    """Write to everything that was stdout once."""
    print("printed by python")  # noqa: T201
    sys.stdout.flush()
    os.write(1, b"written to descriptor 1\n")
    libc = ctypes.CDLL(None)
    libc.puts(b"put by C")
    libc.fflush(None)
    subprocess.run(["sh", "-c", "echo said by a child; cat"], check=True)
    return {"read": sys.stdin.read()}


@scene
def leave_child(call: Call) -> Any:
    """Start a child that outlives this process and holds whatever it inherited."""
    child = subprocess.Popen(["sleep", "30"], close_fds=False, stderr=subprocess.DEVNULL)
    return child.pid


@scene
def fork_and_return(call: Call) -> Any:
    """Fork, and let the child return from the call as if it were the worker."""
    pid = os.fork()
    if pid == 0:
        return "from the child"
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


@scene
def fork_and_ask(call: Call) -> Any:
    pid = os.fork()
    if pid == 0:
        try:
            call.ask(ReverseCommand.TOOL_CALL, {})
        except ConnectionError:
            os._exit(17)
        os._exit(18)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


@scene
def open_descriptors(call: Call) -> Any:
    """Return the inheritable descriptors and where they lead."""
    listed: dict[str, str] = {}
    for link in Path("/proc/self/fd").iterdir():
        try:
            if os.get_inheritable(int(link.name)):
                listed[link.name] = str(link.readlink())
        except OSError:
            continue
    return listed


# --- results and errors ---


class Hostile:
    def __repr__(self) -> str:
        raise SystemExit("repr")

    __str__ = __repr__
    __hash__ = object.__hash__


class HostileDict(dict[str, Any]):
    def __iter__(self) -> Any:
        raise KeyboardInterrupt

    items = __iter__


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text either")


def _cycle() -> list[Any]:
    cycle: list[Any] = []
    cycle.append(cycle)
    return cycle


RESULTS: dict[str, Callable[[], Any]] = {
    "object": lambda: {"a": [1, object()]},
    "hostile": lambda: {"a": Hostile()},
    "hostile key": lambda: {"a": {Hostile(): 1}},
    "hostile dict": lambda: {"a": HostileDict(b=1)},
    "number key": lambda: {"a": {1: 2}},
    "set": lambda: {"a": {1}},
    "cycle": _cycle,
    "nan": lambda: [float("nan")],
    "wide": lambda: {"n": 2**64},
    "surrogate": lambda: ["\ud800"],
    "reserved": lambda: {"x": {"$bytes": "AA=="}},
}


@scene
def bad_result(call: Call) -> Any:
    return RESULTS[call.args["kind"]]()


@scene
def big_result(call: Call) -> Any:
    return "x" * call.args["size"]


ERRORS: dict[str, Callable[[], BaseException]] = {
    "ValueError": lambda: ValueError("a value"),
    "SystemExit": lambda: SystemExit(9),
    "KeyboardInterrupt": KeyboardInterrupt,
    "MemoryError": MemoryError,
    "GeneratorExit": GeneratorExit,
    "CallCancelled": CallCancelled,
    "HostileError": HostileError,
}


@scene
def raise_error(call: Call) -> Any:
    error = ERRORS[call.args["kind"]]()
    raise error


@scene
def recurse(call: Call) -> Any:
    return recurse(call)


@scene
def fault(call: Call) -> Any:
    raise FaultError.of(FaultKind.NOT_FOUND, "x" * call.args["length"], thing=RESULTS[call.args["kind"]]())


# --- reverse requests ---


@scene
def ask(call: Call) -> Any:
    return call.ask(ReverseCommand.TOOL_CALL, call.args.get("args", {}), timeout_s=call.args.get("timeout_s"))


@scene
def ask_badly(call: Call) -> Any:
    return call.ask(ReverseCommand.TOOL_CALL, {"x": RESULTS[call.args["kind"]]()})


@scene
def ask_metric(call: Call) -> Any:
    return call.ask(ReverseCommand.METRIC_CALL, {})


@scene
def ask_from_threads(call: Call) -> Any:
    """Ask from many threads at once; each answer goes to whoever asked."""
    answers: dict[int, Any] = {}

    def one(number: int) -> None:
        for turn in range(call.args["turns"]):
            answers[number * 1000 + turn] = call.ask(ReverseCommand.TOOL_CALL, {"n": number * 1000 + turn})

    threads = [threading.Thread(target=one, args=(number,)) for number in range(call.args["threads"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return all(answers[n] == {"n": n} for n in answers) and len(answers)


@scene
def ask_and_catch(call: Call) -> Any:
    """Ask again after every cancellation, as stubborn user code would."""
    for _ in range(call.args["times"]):
        try:
            call.ask(ReverseCommand.TOOL_CALL, {})
        except CallCancelled:
            KEPT.append("caught")


@scene
def leave_thread(call: Call) -> Any:
    """Return while a thread of this call still asks; `collect` tells what became of it."""
    asking = threading.Event()

    def late() -> None:
        asking.set()
        for _ in range(2):
            try:
                call.ask(ReverseCommand.TOOL_CALL, {"late": True})
            except (CallCancelled, FaultError) as error:
                KEPT.append(type(error).__name__)
        call.emit(EventKind.PROGRESS, "after the end")
        LEFT.set()

    LEFT.clear()
    threading.Thread(target=late).start()
    asking.wait()
    return late_return(call)


def late_return(call: Call) -> str:
    if call.full:
        call.ask(ReverseCommand.METRIC_CALL, {})
    return "left"


KEPT: list[str] = []
LEFT = threading.Event()
LEFT.set()


@scene
def collect(call: Call) -> Any:
    LEFT.wait(5)
    return KEPT


@scene
def stream(call: Call) -> Any:
    """Return the items and the result of a stream."""
    items: list[Any] = []
    stream = call.ask_stream(ReverseCommand.LM_STREAM, {}, timeout_s=call.args.get("timeout_s"))
    while True:
        try:
            items.append(next(stream))
        except StopIteration as stop:
            return {"items": items, "result": stop.value}
        if len(items) == call.args.get("stop_after"):
            stream.close()
            return {"items": items}


@scene
def stream_slowly(call: Call) -> Any:
    """Take the first item, then nothing until the host says so, by answering a tool call."""
    stream = call.ask_stream(ReverseCommand.LM_STREAM, {})
    next(stream)
    call.ask(ReverseCommand.TOOL_CALL, {})
    return len(list(stream))


@scene
def aask(call: Call) -> Any:
    async def main() -> Any:
        return await asyncio.gather(*(call.aask(ReverseCommand.TOOL_CALL, {"n": n}) for n in range(5)))

    return asyncio.run(main())


@scene
def aask_cancelled(call: Call) -> Any:
    async def main() -> Any:
        task = asyncio.ensure_future(call.aask(ReverseCommand.TOOL_CALL, {}))
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"

    return asyncio.run(main())


@scene
def astream(call: Call) -> Any:
    async def main() -> Any:
        items: list[Any] = []
        stream = call.aask_stream(ReverseCommand.LM_STREAM, {})
        async for item in stream:
            items.append(item)
            if len(items) == call.args.get("stop_after"):
                await stream.aclose()
                break
        return {"items": items, "result": stream.result}

    return asyncio.run(main())


# --- events ---


@scene
def emit(call: Call) -> Any:
    """Emit `items` items and `progress` progress events by turns, `size` characters each."""
    text = "x" * call.args.get("size", 0)
    for number in range(max(call.args.get("items", 0), call.args.get("progress", 0))):
        if number < call.args.get("items", 0):
            call.emit(EventKind.ITEM, [number, text])
        if number < call.args.get("progress", 0):
            call.emit(EventKind.PROGRESS, [number, text])
    if "mark" in call.args:
        Path(call.args["mark"]).touch()
    return "emitted"


@scene
def emit_bad(call: Call) -> Any:
    call.emit(EventKind.ITEM, RESULTS[call.args["kind"]]())


# --- threads ---


@scene
def leave_mark(call: Call) -> Any:
    """What one call leaves in a context variable."""
    variable = CONTEXT.setdefault("mark", contextvars.ContextVar("mark", default="clean"))
    seen = variable.get()
    variable.set("dirty")
    return seen


CONTEXT: dict[str, Any] = {}


@scene
def kill_thread(call: Call) -> Any:
    """A thread of user code ends with an exception; another's finaliser raises."""

    class Dying:
        def __del__(self) -> None:
            raise ValueError("in a finaliser")

    Dying()
    thread = threading.Thread(target=lambda: 1 / 0, name="doomed")
    thread.start()
    thread.join()
