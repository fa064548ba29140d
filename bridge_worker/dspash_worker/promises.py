"""Promises: what was asked to be defined, in the order in which it was asked."""

from __future__ import annotations

import threading
from typing import Final, Generic, TypeVar

from dspash_protocol import Fault, FaultError
from dspash_worker.call import Call

__all__ = ["Promise", "Promises"]

T = TypeVar("T")

LOOK_S: Final = 0.05
"""How often someone who waits for a definition looks whether its own call was cancelled meanwhile."""


class Promise(Generic[T]):
    """A value under way. `earlier` is what stood under the same name before, until this one is kept."""

    def __init__(self, earlier: Promise[T] | None = None) -> None:
        self.earlier = earlier
        self._value: T | None = None
        self._fault: Fault | None = None
        self._settled = threading.Event()

    def __repr__(self) -> str:
        return f"<Promise {'settled' if self._settled.is_set() else 'open'}>"

    @property
    def broken(self) -> bool:
        """Whether it ended in a fault."""
        return self._fault is not None

    @property
    def value(self) -> T | None:
        """The value if it is there, without waiting."""
        return self._value

    def keep(self, value: T | None) -> None:
        """The value is there; None when the name stands for nothing any more."""
        self.earlier = None
        self._value = value
        self._settled.set()

    def breach(self, fault: Fault) -> None:
        """There will be no value: whoever waits gets this fault."""
        self._fault = fault
        self._settled.set()

    def wait(self, call: Call) -> T | None:
        """Return the value. Raises FaultError when the promise is broken, CallCancelled when `call` is."""
        while not self._settled.is_set():
            call.check()
            self._settled.wait(LOOK_S)
        if self._fault is not None:
            raise FaultError(self._fault)
        return self._value


class Promises(Generic[T]):
    """Names and the latest promise under each. Thread-safe."""

    def __init__(self) -> None:
        self._latest: dict[str, Promise[T]] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Promises names={len(self._latest)}>"

    def make(self, name: str) -> Promise[T]:
        """Promise a new value under `name`; from now on it is what the name stands for."""
        with self._lock:
            promise = self._latest[name] = Promise(self._latest.get(name))
            return promise

    def find(self, name: str) -> Promise[T] | None:
        """Return the latest promise under `name`."""
        with self._lock:
            return self._latest.get(name)

    def settled(self) -> list[tuple[str, T]]:
        """Return the names and values that are there now, in the order in which the names were first given."""
        with self._lock:
            latest = list(self._latest.items())
        return [(name, value) for name, promise in latest if (value := promise.value) is not None]

    def keep(self, name: str, promise: Promise[T], value: T | None) -> None:
        """Keep `promise`; a name that now stands for nothing is forgotten."""
        promise.keep(value)
        if value is None:
            with self._lock:
                if self._latest.get(name) is promise:
                    del self._latest[name]

    def breach(self, name: str, promise: Promise[T], fault: Fault) -> None:
        """Break `promise`: the name stands for what it stood for before, if that is still the latest word."""
        promise.breach(fault)
        with self._lock:
            if self._latest.get(name) is not promise:
                return
            earlier = promise.earlier
            while earlier is not None and earlier.broken:
                earlier = earlier.earlier
            if earlier is None:
                del self._latest[name]
            else:
                self._latest[name] = earlier
