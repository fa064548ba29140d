"""Tools: functions of the host that programs call, and importable ones of the worker's own."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import dspy

from dspash_protocol import FaultError, ReverseCommand
from dspash_protocol.signature import SignatureError, read_type
from dspash_worker.current import current_call
from dspash_worker.faults import of_program
from dspash_worker.program_settings import import_module
from dspash_worker.refusal import invalid, invalid_value, pick, unavailable, unknown_key
from dspash_worker.signatures.annotations import annotation_of
from dspash_worker.source import load_module
from dspash_worker.tracing import tool_step
from dspash_worker.wire_types import from_wire, to_wire

__all__ = ["ASK_HOST", "Tool", "ask_host", "import_object", "read_tools"]

ASK_HOST: Final = "ask_host"
"""The one function that a host tool's text calls; an interpreter process gets it under this name too."""

_KEYS: Final = ("name", "desc", "description", "args", "import")


@dataclass(frozen=True)
class Tool:
    """A function that programs call by `name`, and what a model is told of it.

    `function` is an ordinary Python function: it has parameters, annotations, a docstring and source text, so that
    whatever DSPy derives from a function it derives from this one too.
    """

    name: str
    function: Callable[..., Any]
    desc: str
    args: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def to_dspy(self) -> dspy.Tool:
        """Return the tool as DSPy's agents take it."""
        if not self.args:
            return dspy.Tool(self.function, name=self.name, desc=self.desc)
        args = {name: dict(schema) for name, schema in self.args.items()}
        return dspy.Tool(self.function, name=self.name, desc=self.desc, args=args)


def ask_host(name: str, arguments: Mapping[str, Any]) -> Any:
    """Have the host run its tool `name`. Raises FaultError as the host answers."""
    args = {"name": name, "args": {key: to_wire(value, path=f"$.{key}") for key, value in arguments.items()}}
    with tool_step(name) as noted:
        if noted is not None:
            noted.add(inputs=args["args"])
        result = from_wire(current_call().ask(ReverseCommand.TOOL_CALL, args))
        if noted is not None:
            noted.add(outputs=result)
        return result


def read_tools(raw: object, *, full: bool, path: str = "$.tools") -> dict[str, Tool]:
    """Return the tools that `raw` lists, by name.

    A tool is a name, or a map: `name`, `desc`, `args` (a JSON schema for each argument) for one of the host's;
    `name` and `import` ("package.module:function") for one of the worker's. Raises FaultError naming what does not
    fit; a plain session has no host tools, since the worker cannot ask there.
    """
    if raw is None:
        return {}
    if not isinstance(raw, Sequence) or isinstance(raw, str | bytes):
        raise invalid_value(path, "a list of tools", raw)
    tools: dict[str, Tool] = {}
    for index, item in enumerate(raw):
        tool = _read_tool(item, full=full, path=f"{path}[{index}]")
        if tool.name in tools:
            raise invalid(f"{path}[{index}]", f"{tool.name!r} occurs twice")
        tools[tool.name] = tool
    return tools


def _read_tool(raw: object, *, full: bool, path: str) -> Tool:
    given = {"name": raw} if isinstance(raw, str) else raw
    if not isinstance(given, Mapping):
        raise invalid_value(path, "a tool's name or a map", raw)
    for key in given:
        if key not in _KEYS:
            raise unknown_key(path, key, _KEYS)
    name = pick(given, "name", str, "text", path=path, default="")
    if not name.isidentifier() or keyword.iskeyword(name) or name in (ASK_HOST, "dspy"):
        raise invalid(
            f"{path}.name", f"{name!r:.60} cannot be called in a program", hint="use a Python identifier"
        )
    desc = pick(given, "desc", str, "text", path=path) or pick(
        given, "description", str, "text", path=path, default=""
    )
    place = pick(given, "import", str, "text", path=path)
    if place is not None:
        function = import_object(place, path=f"{path}.import")
        if not callable(function):
            raise invalid(f"{path}.import", f"{place!r} is no function")
        return Tool(name, function, desc or (function.__doc__ or ""))
    if not full:
        raise unavailable(
            f"{path}: a plain session cannot call the host's tool {name!r}",
            hint="say hello first, or name an importable function: {'name': …, 'import': 'package.module:function'}",
            path=path,
        )
    schemas = pick(given, "args", Mapping, "a map of JSON schemas", path=path, default={})
    return Tool(name, _host_function(name, desc, schemas, f"{path}.args"), desc, schemas)


def import_object(place: str, *, path: str) -> Any:
    """Return what `package.module:name` names. Raises FaultError when there is no such thing, or its module fails."""
    module_name, _, qualified = place.partition(":")
    if not module_name or not qualified:
        raise invalid(path, f"{place!r:.80} names nothing", hint='write "package.module:name"')
    try:
        with of_program(f"module {module_name}"):
            found: Any = import_module(module_name)
            for step in qualified.split("."):
                found = getattr(found, step)
    except FaultError as error:
        cause = error.__cause__
        if isinstance(cause, ImportError | AttributeError | ValueError):
            is_missing = isinstance(cause, ModuleNotFoundError)
            hint = "install it where the worker runs, or put its folder on the worker's PYTHONPATH"
            problem = f"{place!r:.80} cannot be imported: {error.fault.message}"
            raise invalid(path, problem, hint=hint if is_missing else "") from None
        raise
    return found


def _host_function(name: str, desc: str, schemas: Mapping[str, Any], path: str) -> Callable[..., Any]:
    """Write a function with these arguments that asks the host. Without schemas it takes whatever it is given."""
    annotations: dict[str, Any] = {}
    parameters: list[str] = []
    seen_default = False
    for argument, schema in schemas.items():
        if not argument.isidentifier() or keyword.iskeyword(argument) or argument == "self":
            raise invalid(
                f"{path}.{argument}", "this cannot name an argument", hint="use a Python identifier"
            )
        annotations[argument] = _annotation(schema, argument, f"{path}.{argument}")
        has_default = "default" in schema
        if seen_default and not has_default and "*" not in parameters:
            parameters.append("*")  # Python wants what has no default first; by name the order is free
        seen_default = seen_default or has_default
        parameters.append(f"{argument}={schema['default']!r}" if has_default else argument)
    signature = ", ".join(parameters) if schemas else "**arguments"
    passed = (
        "{" + ", ".join(f"{argument!r}: {argument}" for argument in schemas) + "}" if schemas else "arguments"
    )
    text = f"def {name}({signature}):\n    {desc!r}\n    return {ASK_HOST}({name!r}, {passed})\n"
    function = load_module(text, f"tool {name}", {ASK_HOST: ask_host}, path=path, told=False)[name]
    function.__annotations__ = annotations
    return function


def _annotation(schema: object, argument: str, path: str) -> Any:
    if not isinstance(schema, Mapping):
        raise invalid_value(path, "a JSON schema", schema)
    try:
        return annotation_of(read_type(schema, path=path), name=argument)
    except SignatureError:
        return Any  # a schema beyond the grammar still tells the model; only the worker cannot check by it
