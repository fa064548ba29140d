"""Acts: what the host process of a coder does and times."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import psutil

from benchmarks.coders.coder import Coder, Session

__all__ = ["CODER_ACTS"]

_SCALAR: Final = ("1 + 1", 2)
_TOOL: Final = ("echo(7)", 7)
_LENGTH: Final = "len(text)"
_WARM_UP: Final = 20


def _start(coder: Coder) -> float:
    """The first interpreter of this process: whatever it needs is started for it. Seconds to its first value."""
    began = time.perf_counter()
    session = coder.open()
    try:
        _require(session.execute(_SCALAR[0], {}), _SCALAR[1])
        return time.perf_counter() - began
    finally:
        session.close()


def _first(coder: Coder, count: int) -> list[float]:
    """From making an interpreter to its first value; not the first one of this process."""
    samples: list[float] = []
    for _ in range(count):
        began = time.perf_counter()
        session = coder.open()
        try:
            _require(session.execute(_SCALAR[0], {}), _SCALAR[1])
            samples.append(time.perf_counter() - began)
        finally:
            session.close()
    return samples


def _shutdown(coder: Coder, count: int) -> list[float]:
    """The end of an interpreter that has run something."""
    samples: list[float] = []
    for _ in range(count):
        session = coder.open()
        session.execute(_SCALAR[0], {})
        began = time.perf_counter()
        session.close()
        samples.append(time.perf_counter() - began)
    return samples


def _repeated(coder: Coder, count: int, code: str, variables: Mapping[str, Any], value: Any) -> list[float]:
    session = coder.open()
    try:
        for _ in range(min(_WARM_UP, count)):
            _require(session.execute(code, variables), value)
        return [_timed(session, code, variables) for _ in range(count)]
    finally:
        session.close()


def _timed(session: Session, code: str, variables: Mapping[str, Any]) -> float:
    began = time.perf_counter()
    session.execute(code, variables)
    return time.perf_counter() - began


def _variable(coder: Coder, count: int, size: int) -> list[float]:
    """A text that was never sent before, each time."""
    session = coder.open()
    try:
        samples: list[float] = []
        for number in range(_WARM_UP + count):
            text = f"{number:0{size}d}"
            began = time.perf_counter()
            length = session.execute(_LENGTH, {"text": text})
            samples.append(time.perf_counter() - began)
            _require(length, size)
        return samples[_WARM_UP:]
    finally:
        session.close()


def _memory(coder: Coder, count: int) -> float:
    """What one further interpreter takes, in bytes: shared pages counted in proportion, this process included."""
    coder.close()  # a pool may hold workers from before, which would cost nothing now
    sessions = [coder.open()]
    try:
        sessions[0].execute(_SCALAR[0], {})
        before = _family_bytes()
        for _ in range(count):
            sessions.append(coder.open())
            sessions[-1].execute(_SCALAR[0], {})
        return (_family_bytes() - before) / count
    finally:
        for session in sessions:
            session.close()


def _family_bytes() -> int:
    own = psutil.Process()
    total = 0
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().pss
    return total


def _require(value: Any, wanted: Any) -> None:
    if value != wanted:
        raise ValueError(f"the code came to {value!r:.80}, and should to {wanted!r}")


CODER_ACTS: Final[dict[str, Callable[[Coder, Mapping[str, Any]], Any]]] = {
    "start": lambda coder, _: _start(coder),
    "close": lambda coder, _: coder.close(),
    "first": lambda coder, given: _first(coder, given["count"]),
    "scalar": lambda coder, given: _repeated(coder, given["count"], _SCALAR[0], {}, _SCALAR[1]),
    "tool": lambda coder, given: _repeated(coder, given["count"], _TOOL[0], {}, _TOOL[1]),
    "variable": lambda coder, given: _variable(coder, given["count"], given["size"]),
    "shutdown": lambda coder, given: _shutdown(coder, given["count"]),
    "memory": lambda coder, given: _memory(coder, given["count"]),
}
