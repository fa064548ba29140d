"""Metrics: built-in ones by name, and host functions that a worker asks for scores."""

from __future__ import annotations

import functools
import inspect
import itertools
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

from dspash.app.host_function import run_host_function
from dspash.app.records import Records
from dspash.app.wire import map_in, text_in, to_wire
from dspash.bridge import Ask
from dspash.errors import ConfigurationError, NotFoundError
from dspash.prediction import Prediction
from dspash_protocol import FaultError, FaultKind

__all__ = ["HostMetrics", "Metric", "StoredMetrics", "host_name_in"]

Metric: TypeAlias = str | Mapping[str, Any] | Callable[..., Any]
"""The name of a built-in or of a Metric that is kept, a map that says more (`{"name": "f1_score", "field": "answer"}`,
`{"judge": "what a model is to look for"}`), or a host function.

A host function, sync or async, gets the example and the prediction, both readable as mappings and by attribute, and
returns a number, a bool, or `{"score": number, "feedback": text}` for optimizers that learn from feedback.
"""


class HostMetrics:
    """Host functions in use as metrics, each under a name of its own while a call needs it."""

    def __init__(self) -> None:
        self._functions: dict[str, Callable[..., Any]] = {}
        self._keepers: dict[str, int] = {}  # how many need it
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.stored: StoredMetrics | None = None

    def register(self, name: str, function: Callable[..., Any]) -> None:
        """Offer a host function under a name of the caller's, from now on, in place of one that was there.

        Raises ConfigurationError for what is no name or no function.
        """
        if not name.isidentifier():
            raise ConfigurationError("name", f"{name!r:.60} is no name", "use letters, digits and _")
        if not callable(function):
            problem = f"{type(function).__name__} is no function"
            raise ConfigurationError("function", problem, "give a function of example and prediction")
        with self._lock:
            self._functions[name] = function
            self._keepers[name] = 1

    def knows(self, name: str) -> bool:
        """Whether a host function is offered under that name."""
        return name in self._functions

    @contextmanager
    def lent(self, metric: Metric) -> Generator[Any, None, None]:
        """What to put on the wire for `metric`, valid inside the block."""
        wire_metric = self.keep(metric)
        try:
            yield wire_metric
        finally:
            self.drop(wire_metric)

    def keep(self, metric: Metric) -> Any:
        """What to put on the wire for `metric`, valid until it is dropped. Raises ConfigurationError if it is none."""
        if isinstance(metric, str | Mapping):
            wire_metric = self._said(cast("str | Mapping[str, Any]", metric))
            self.keep_on(wire_metric)
            return wire_metric
        if not callable(metric):
            problem = f"{type(metric).__name__} is no metric"
            raise ConfigurationError(
                "metric", problem, "give a built-in's name or a function of example and prediction"
            )
        with self._lock:
            name = f"{getattr(metric, '__name__', 'metric')}-{next(self._numbers)}"
            self._functions[name] = metric
            self._keepers[name] = 1
        return {"host": name}

    def _said(self, metric: str | Mapping[str, Any]) -> Any:
        if isinstance(metric, str):
            return metric if self.stored is None else self.stored.resolved(metric)
        return dict(metric)

    def keep_on(self, wire_metric: Any) -> None:
        """Somebody else needs it as well: it is to be dropped once more."""
        with self._lock:
            if (name := host_name_in(wire_metric)) in self._keepers:
                self._keepers[name] += 1

    def drop(self, wire_metric: Any) -> None:
        """One of those who kept a metric needs it no more; nothing happens for one that is no host function."""
        with self._lock:
            if (name := host_name_in(wire_metric)) in self._keepers:
                self._keepers[name] -= 1
                if not self._keepers[name]:
                    del self._keepers[name], self._functions[name]

    def serve(self, ask: Ask) -> Any:
        """Answer `metric.call {name, example, prediction, trace?}`."""
        name = text_in(ask, "name")
        function = self._functions.get(name)
        if function is None:
            raise FaultError.of(FaultKind.NOT_FOUND, f"no metric is called {name!r} here")
        given = (
            Prediction(map_in(ask, "example")),
            Prediction(map_in(ask, "prediction")),
            ask.args.get("trace"),
        )
        score = functools.partial(function, *given[: _positions_of(function)])
        what = f"metric {getattr(function, '__name__', 'metric')!r}"
        return to_wire(run_host_function(score, kind=FaultKind.PROGRAM_ERROR, what=what))


class StoredMetrics:
    """The metrics that are kept, by name; the database is opened when one is first asked for."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def resolved(self, name: str) -> Any:
        """The metric of that name as workers take it; the name itself, for a worker to know, where none is kept."""
        from dspash.resources.metric import BUILT_IN_METRICS, Metric

        if name in BUILT_IN_METRICS or not self._records.are_kept:
            return name
        try:
            return self._records.scene().of(Metric).get(name).to_wire()
        except NotFoundError:
            return name


def host_name_in(wire_metric: Any) -> str | None:
    """The name of a host function on the wire; None for a metric that is none."""
    name = cast("dict[str, Any]", wire_metric).get("host") if isinstance(wire_metric, dict) else None
    return name if isinstance(name, str) else None


def _positions_of(function: Callable[..., Any]) -> int:
    """How many of (example, prediction, trace) it takes: DSPy's metrics take three, simple ones two."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return 3
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return min(3, sum(parameter.kind in positional for parameter in parameters))
