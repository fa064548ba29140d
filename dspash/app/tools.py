"""Tools: plain host functions that a program calls from its worker."""

from __future__ import annotations

import functools
import inspect
import keyword
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from dspash.app.host_function import run_host_function
from dspash.app.wire import map_in, text_in, to_wire
from dspash.bridge import Ask
from dspash.errors import ConfigurationError
from dspash_protocol import FaultError, FaultKind

__all__ = ["Tool", "Toolbox", "tool_of"]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function with what a model is told of it: its name, what it does, and a JSON schema for every argument."""

    name: str
    function: Callable[..., Any]
    signature: inspect.Signature
    desc: str
    args: Mapping[str, Any]

    def to_map(self) -> dict[str, Any]:
        """What the worker is told; the function stays here."""
        return {"name": self.name, "desc": self.desc, "args": dict(self.args)}

    def call(self, args: Mapping[str, Any]) -> Any:
        """Run it; an async function runs on a loop of its own. Raises FaultError for what it raises."""
        return run_host_function(
            functools.partial(self.function, **args),
            kind=FaultKind.TOOL_ERROR,
            what=f"tool {self.name!r}",
            details={"tool": self.name},
        )


def tool_of(name: str, function: Callable[..., Any]) -> Tool:
    """Describe `function` from its signature, annotations and docstring.

    Raises ConfigurationError for a name that cannot be called, or a parameter that cannot be given by name.
    """
    path = f"tools[{name!r}]"
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ConfigurationError(path, "a program calls a tool by its name", "give a Python identifier")
    if not callable(function):
        raise ConfigurationError(path, f"{type(function).__name__} cannot be called", "give a function")
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        raise ConfigurationError(path, "its parameters are not known", "wrap it in a function") from None
    hints = _hints_of(function)
    args: dict[str, Any] = {}
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            problem = f"parameter {parameter.name!r} is positional only"
            raise ConfigurationError(path, problem, "models and programs give arguments by name")
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            continue
        args[parameter.name] = _schema_of(hints.get(parameter.name, Any), parameter)
    return Tool(name, function, signature, inspect.getdoc(function) or "", args)


class Toolbox:
    """The tools of every module and program, by the id of their owner. A call reaches those of its own program only."""

    def __init__(self) -> None:
        self._tools: dict[str, dict[str, Tool]] = {}
        self._lock = threading.Lock()

    def put(self, owner: str, tools: Mapping[str, Tool]) -> None:
        """Give `owner` exactly these tools."""
        with self._lock:
            if tools:
                self._tools[owner] = dict(tools)
            else:
                self._tools.pop(owner, None)

    def of(self, owner: str | None) -> Mapping[str, Tool]:
        """The tools of `owner`."""
        return self._tools.get(owner or "", {})

    def forget(self, owner: str) -> None:
        """The owner is gone."""
        with self._lock:
            self._tools.pop(owner, None)

    def serve(self, ask: Ask) -> Any:
        """Answer `tool.call {name, args}`. Raises FaultError for a tool that the call was not given."""
        owner = ask.call.options.owner if ask.call is not None else None
        tools = self.of(owner)
        name, args = text_in(ask, "name"), map_in(ask, "args")
        tool = tools.get(name)
        if tool is None:
            given = ", ".join(sorted(tools)) or "none"
            raise FaultError.of(
                FaultKind.NOT_FOUND, f"no tool is called {name!r} here; there are {given}", tool=name
            )
        try:
            tool.signature.bind(**args)
        except TypeError as error:
            raise FaultError.of(
                FaultKind.INVALID_INPUT, f"tool {tool.name!r}: {error}", path="$.args"
            ) from None
        return to_wire(tool.call(args))


def _hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except (NameError, TypeError):
        return {}  # annotations that cannot be resolved tell a model nothing


def _schema_of(hint: Any, parameter: inspect.Parameter) -> dict[str, Any]:
    from pydantic import PydanticUserError, TypeAdapter

    try:
        schema: dict[str, Any] = TypeAdapter(hint).json_schema() if hint is not Any else {}
    except (PydanticUserError, TypeError):
        schema = {}
    if parameter.default is not inspect.Parameter.empty and _is_plain(parameter.default):
        schema["default"] = parameter.default
    return schema


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool | type(None))
