"""Tracing: the steps inside one call, noted while it runs and told to the host before its answer."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

import dspy
from pydantic_core import to_json

from dspash_protocol import EventKind, FaultError, FaultKind
from dspash_protocol.trace import MAX_PIECE, MAX_SPANS, MAX_TRACE, SpanKind
from dspash_protocol.trimming import trimmed
from dspash_worker.call import Call
from dspash_worker.current import CALL_SETTING
from dspash_worker.module_names import names_within
from dspash_worker.wire_types import to_wire

__all__ = ["Step", "Trace", "step", "tool_step", "tracing"]

TELL_S: Final = 0.25
"""A trace is told in pieces where steps take long: what has ended by then is known even if the call is killed."""

ROOT: Final = 0

_running: Final[dict[int, Trace]] = {}  # by the id of the call; one operation of a dict is atomic


@dataclass(slots=True)
class Step:
    """One running step; its facts are added as they become known."""

    trace: Trace
    id: int
    parent: int
    kind: SpanKind
    name: str
    type: str
    subject: object
    began_at: float
    facts: dict[str, Any]

    def add(self, **facts: Any) -> None:
        """Note what is known by now, as it is at this moment. What has no plain form is told by its type."""
        for name, value in facts.items():
            if value is not None:
                self.facts[name] = trimmed(value, _converted)


_here: Final[ContextVar[Step | None]] = ContextVar("dspash_step", default=None)


class Trace:
    """The steps of one call. Thread-safe, and bounded: what is too much is counted, and costs the call nothing else."""

    def __init__(self, call: Call, program: dspy.Module) -> None:
        self._call = call
        self._program = program
        self._names = names_within(program)
        self._began_at = time.perf_counter()
        self._told_at = self._began_at
        self._numbers = itertools.count(1)
        self._ended: list[dict[str, Any]] = []
        self._told_size = 0
        self._dropped = 0
        self._lock = threading.Lock()
        self._entered = False  # whether the program itself has begun
        self.root = Step(self, ROOT, ROOT, SpanKind.MODULE, "", "", program, self._began_at, {})
        self._open: dict[int, Step] = {}  # steps of modules, by the identity of the module

    def __repr__(self) -> str:
        return f"<Trace of {self._call!r} waiting={len(self._ended)} dropped={self._dropped}>"

    def enter(self, subject: object) -> bool:
        """Whether this is the program itself beginning, which is the call and no step of it."""
        if self._entered or subject is not self._program:
            return False
        self._entered = True
        return True

    def begin(self, parent: Step, kind: SpanKind, name: str, type: str, subject: object) -> Step | None:
        """Begin one step inside `parent`; None once there are too many."""
        number = next(self._numbers)
        if number > MAX_SPANS:
            with self._lock:
                self._dropped += 1
            return None
        begun = Step(self, number, parent.id, kind, name, type, subject, time.perf_counter(), {})
        if kind is SpanKind.MODULE:
            found = self._names.get(id(subject))
            if found is not None and found[0]() is subject:
                begun.name = found[1]
            self._open[id(subject)] = begun
        return begun

    def end(self, step: Step) -> None:
        """It has ended: tell of it, now or with the others."""
        now = time.perf_counter()
        if step.kind is SpanKind.MODULE:
            self._open.pop(id(step.subject), None)
        span = {
            "id": step.id,
            "parent": step.parent,
            "kind": str(step.kind),
            "name": step.name,
            "type": step.type,
            "at_us": round((step.began_at - self._began_at) * 1e6),
            "took_us": round((now - step.began_at) * 1e6),
            **step.facts,
        }
        with self._lock:
            self._ended.append(span)
            is_due = now - self._told_at >= TELL_S
        if is_due:
            self.tell()

    def step_of(self, modules: list[Any]) -> Step:
        """The step of the innermost of these modules that is open, or the call itself."""
        for module in reversed(modules):
            found = self._open.get(id(module))
            if found is not None:
                return found
        return self.root

    def tell(self) -> None:
        """Send what has ended, in pieces."""
        for spans in self._pieces(self._take_ended()):
            self._say(self._call.emit, {"spans": spans})

    def tell_last(self) -> None:
        """Send what is left, the last of it with the call's answer."""
        pieces = list(self._pieces(self._take_ended()))
        for spans in pieces[:-1]:
            self._say(self._call.emit, {"spans": spans})
        last: dict[str, Any] = {"spans": pieces[-1] if pieces else "[]"}
        if self._dropped:
            last["dropped"] = self._dropped
        if pieces or self._dropped:
            self._say(self._call.hold, last)

    def _take_ended(self) -> list[dict[str, Any]]:
        with self._lock:
            ended, self._ended = self._ended, []
            self._told_at = time.perf_counter()
        return ended

    def _pieces(self, ended: list[dict[str, Any]]) -> Generator[str]:
        """The texts of these steps, none too long: a piece that is, is halved."""
        if not ended:
            return
        text = _text_of(ended)
        if len(text) > MAX_PIECE:
            if len(ended) > 1:
                half = len(ended) // 2
                yield from self._pieces(ended[:half])
                yield from self._pieces(ended[half:])
                return
            text = _text_of([_bare(ended[0])])
        with self._lock:
            fits = self._told_size + len(text) <= MAX_TRACE
            if fits:
                self._told_size += len(text)
            else:
                self._dropped += len(ended)
        if fits:
            yield text

    def _say(self, say: Callable[[EventKind, Any], None], data: Mapping[str, Any]) -> None:
        try:
            say(EventKind.TRACE, data)
        except FaultError:  # the host takes no frames of this length
            with self._lock:
                self._dropped += 1


@contextmanager
def tracing(call: Call, program: dspy.Module) -> Generator[None]:
    """Note the steps of what runs inside, for `call`, and tell them before it ends, however that is."""
    from dspash_worker.instruments import install  # it needs `step`

    install()
    trace = Trace(call, program)
    _running[call.id] = trace
    token = _here.set(trace.root)
    try:
        yield
    finally:
        _here.reset(token)
        del _running[call.id]
        trace.tell_last()


class _Noted:
    """Notes one step from the beginning of its block to its end. A class: generators take three times as long."""

    __slots__ = ("_step", "_token")

    def __init__(self, begun: Step) -> None:
        self._step = begun

    def __enter__(self) -> Step:
        self._token = _here.set(self._step)
        return self._step

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        _here.reset(self._token)
        if error is not None:
            self._step.add(error=_error_of(error))
        self._step.trace.end(self._step)


_UNTRACED: Final[AbstractContextManager[None]] = nullcontext()


def step(
    kind: SpanKind, name: str, subject: object = None, *, type: str = ""
) -> AbstractContextManager[Step | None]:
    """Note one step of the traced call that this code belongs to; None is given where there is none."""
    begun = _begin(kind, name, subject, type) if _running else None
    return _UNTRACED if begun is None else _Noted(begun)


def tool_step(name: str) -> AbstractContextManager[Step | None]:
    """The step of a tool that is called by its text alone; none inside the step of an agent's tool of that name."""
    here = _here.get() if _running else None
    if here is not None and here.kind is SpanKind.TOOL and here.name == name:
        return _UNTRACED
    return step(SpanKind.TOOL, name)


def _begin(kind: SpanKind, name: str, subject: object, type: str) -> Step | None:
    inside = _here.get() or _step_elsewhere()
    if inside is None or inside.trace.enter(subject):
        return None
    return inside.trace.begin(inside, kind, name, type, subject)


def _step_elsewhere() -> Step | None:
    """In a thread that DSPy has started: the step of the module that started it, which DSPy's settings tell."""
    call = dspy.settings.get(CALL_SETTING)
    trace = None if call is None else _running.get(call.id)
    return None if trace is None else trace.step_of(dspy.settings.get("caller_modules") or [])


def _converted(value: object) -> Any:
    try:
        return to_wire(value)
    except Exception:  # noqa: BLE001 - a value may be a class of the user's, whose methods may do anything
        return f"<{type(value).__name__}>"


def _error_of(error: BaseException) -> dict[str, Any]:
    from dspash_worker.faults import fault_of  # it needs to know LM calls, which need `step`

    fault = fault_of(error)
    # What nobody foresaw is the program's own, where a program runs.
    kind = FaultKind.PROGRAM_ERROR if fault.kind is FaultKind.INTERNAL else fault.kind
    return {"kind": str(kind), "type": fault.type or type(error).__name__, "message": fault.message}


def _text_of(spans: list[dict[str, Any]]) -> str:
    return to_json(spans).decode()  # in half the time that json takes


def _bare(span: Mapping[str, Any]) -> dict[str, Any]:
    """A step without what went in and came out of it, which is too long to be told."""
    kept = ("id", "parent", "kind", "name", "type", "at_us", "took_us", "error", "usage")
    return {name: span[name] for name in kept if name in span}
