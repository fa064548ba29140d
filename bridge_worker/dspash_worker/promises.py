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
    """A value under way, asked for by the request that arrived as the `arrival`-th.

    `earlier` is what stood under the same name before, until this one is kept.
    """

    def __init__(self, arrival: int, earlier: Promise[T] | None = None) -> None:
        self.arrival = arrival
        self.earlier = earlier
        self._value: T | None = None
        self._fault: Fault | None = None
        self._settled = threading.Event()

    def __repr__(self) -> str:
        return f"<Promise {self.arrival} {'settled' if self._settled.is_set() else 'open'}>"

    @property
    def is_open(self) -> bool:
        """Whether it is neither kept nor broken yet."""
        return not self._settled.is_set()

    @property
    def fault(self) -> Fault | None:
        """Why it is broken, if it is."""
        return self._fault

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
        """There will be no value: what stood before stands on. Where that is nothing, whoever waits gets this fault."""
        self._fault = fault
        self._settled.set()

    def wait(self, call: Call) -> T | None:
        """Return the value, or what stood before if the promise is broken; None when the name stands for nothing.

        Raises FaultError when the promise is broken and nothing stood before, CallCancelled when `call` is.
        """
        if self._settled.is_set() and self._fault is None:
            return self._value  # as nearly always: definitions are long there when they are called
        told: Fault | None = None
        promise: Promise[T] | None = self
        while promise is not None:
            promise.wait_until_settled(call)
            if promise.fault is None:
                break
            told = told or promise.fault
            promise = promise.earlier
        value = promise.value if promise is not None else None
        if value is None and told is not None:
            raise FaultError(told)
        return value

    def wait_until_settled(self, call: Call) -> None:
        """Return once it is kept or broken. Raises CallCancelled when `call` is."""
        while not self._settled.is_set():
            call.check()
            self._settled.wait(LOOK_S)


class Promises(Generic[T]):
    """Names and the latest promise under each. Thread-safe."""

    def __init__(self) -> None:
        self._latest: dict[str, Promise[T]] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Promises names={len(self._latest)}>"

    def make(self, name: str, *, arrival: int) -> Promise[T]:
        """Promise a new value under `name`; from now on it is what the name stands for."""
        with self._lock:
            promise = self._latest[name] = Promise(arrival, self._latest.get(name))
            return promise

    def find(self, name: str, *, arrival: int) -> Promise[T] | None:
        """Return what the request that arrived as the `arrival`-th has to go by: the latest promise under `name`.

        One that is open and was asked for later, or by that very request, is passed over: it may not begin before that
        request has ended, and the two would wait for each other.
        """
        with self._lock:
            promise = self._latest.get(name)
            while promise is not None and promise.is_open and promise.arrival >= arrival:
                promise = promise.earlier
            return promise

    def settled(self) -> list[tuple[str, T]]:
        """Return the names and values that are there now, in the order in which the names were first given."""
        with self._lock:
            latest = list(self._latest.items())
        return [(name, value) for name, promise in latest if (value := promise.value) is not None]

    def keep(self, name: str, promise: Promise[T], value: T | None) -> None:
        """Keep `promise`; a name that now stands for nothing is forgotten."""
        with self._lock:
            promise.keep(value)
            if value is None and self._latest.get(name) is promise:
                del self._latest[name]

    def breach(self, name: str, promise: Promise[T], fault: Fault) -> None:
        """Break `promise`: the name stands for what it stood for before, if that is still the latest word."""
        with self._lock:
            promise.breach(fault)
            if self._latest.get(name) is not promise:
                return
            earlier = promise.earlier
            while earlier is not None and earlier.fault is not None:
                earlier = earlier.earlier
            if earlier is None:
                del self._latest[name]
            else:
                self._latest[name] = earlier
