"""Builder: makes what is kept of modules and programs runnable in the workers, each content once."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from dspash.app.contents import read_sandbox
from dspash.app.plan import Plan, Planner
from dspash.app.runnable import Module, Program, Runnable
from dspash.app.tools import Tool, Toolbox
from dspash.errors import ConfigurationError
from dspash.resources.content import Content, ModuleContent, ProgramContent, ProgramForm, ToolContent, hash_of
from dspash.resources.runtime import Definition
from dspash_protocol import Command, FaultError, FaultKind

if TYPE_CHECKING:
    from dspash.app.app import App

__all__ = ["Builder", "Functions"]

Functions: TypeAlias = Mapping[str, Callable[..., Any]]
"""Host functions by the names under which a program calls them."""

_KEYWORDS = {ProgramForm.SOURCE: "source", ProgramForm.FORWARD_FN: "forward_fn", ProgramForm.CLASS: "cls"}


class Builder:
    """Builds definitions. Thread-safe; two that ask for the same one get the same."""

    def __init__(self, app: App, planner: Planner, toolbox: Toolbox) -> None:
        self._app = app
        self._planner = planner
        self._toolbox = toolbox
        self._built: dict[str, Runnable] = {}
        self._lock = threading.Lock()
        self._building: dict[str, threading.Lock] = {}

    def __repr__(self) -> str:
        return f"<Builder built={len(self._built)}>"

    def build(
        self, definition: Definition, *, functions: Functions | None = None, may_lack: bool = False
    ) -> Runnable:
        """The definition as a handle that can be called.

        Host functions are `functions`, or those that this process gave to the program of that name. Raises
        ConfigurationError for one that is missing, unless the definition `may_lack` some, which then fail when they are
        called; and what defining raises.
        """
        tools = self._tools_for(definition, functions, may_lack=may_lack)
        key = self._key_of(definition, tools)
        with self._lock:
            turn = self._building.setdefault(key, threading.Lock())
        with turn:
            if key not in self._built:
                runnable = self._make(definition, f"{definition.name}@{key[:12]}", tools)
                self._built[key] = replace(runnable, name=definition.name)
            return self._built[key]

    def _tools_for(
        self, definition: Definition, functions: Functions | None, *, may_lack: bool
    ) -> dict[str, Tool]:
        known = self._toolbox.of(definition.name)
        given = {name: tool.function for name, tool in known.items()} | dict(functions or {})
        tools: dict[str, Tool] = {}
        for tool in _tools_in(definition.content):
            function = given.get(tool.name)
            if function is None and not may_lack:
                raise ConfigurationError(
                    f"tools[{tool.name!r}]",
                    f"{definition.name} calls this function of its host, and it was not given here",
                    f"give it: app.program({definition.name!r}, tools=[{tool.name}])",
                )
            tools[tool.name] = _tool_of(tool, function)
        return tools

    def _key_of(self, definition: Definition, tools: Mapping[str, Tool]) -> str:
        functions = {name: id(tool.function) for name, tool in tools.items()}
        return hash_of([definition.name, definition.content.to_map(), _plain(definition.sandbox), functions])

    def _make(self, definition: Definition, runnable_id: str, tools: Mapping[str, Tool]) -> Runnable:
        content = definition.content
        if isinstance(content, ModuleContent):
            return self._module(content, runnable_id, tools)
        return self._program(content, runnable_id, tools, definition.sandbox)

    def _module(self, content: ModuleContent, module_id: str, tools: Mapping[str, Tool]) -> Module:
        _refuse_host_reward(content)
        inner = None
        if content.inner is not None:
            inner = self._make(Definition(module_id, content.inner), f"{module_id}.inner", tools)
        plan = self._planner.module(
            content.type,
            module_id,
            {tool.name: tools[tool.name].function for tool in content.tools},
            content.config,
            signature=content.signature,
            module=inner,
            reward=content.reward,
            cls=content.class_path,
        )
        return self._defined(plan, content, tools)

    def _program(
        self,
        content: ProgramContent,
        program_id: str,
        tools: Mapping[str, Tool],
        sandbox: Mapping[str, Any],
    ) -> Program:
        modules = {
            name: self._module(module, f"{program_id}.{name}", tools) for name, module in content.modules
        }
        plan = self._planner.program(
            program_id,
            modules,
            {tool.name: tools[tool.name].function for tool in content.tools},
            content.config,
            class_name=content.class_name,
            sandbox=read_sandbox(sandbox),
            **{_KEYWORDS[content.form]: content.text},
        )
        return self._defined(plan, content, tools)

    def _defined(self, plan: Plan[Any], content: Content, tools: Mapping[str, Tool]) -> Any:
        """Define it in the workers, with the tools as they were described when it was kept, and with its state."""
        described = [tool.to_map() for tool in content.tools]
        runnable = replace(
            plan.runnable, create={**plan.runnable.create, "tools": described}, state=content.state
        )
        offered = {name: tools.get(name, tool) for name, tool in plan.tools.items()}
        self._app.define(Plan(runnable, offered))
        if content.state is not None:
            self._app.call(Command.LOAD_STATE, {"id": runnable.id, "state": content.state})
        return runnable


def _tools_in(content: Content) -> Iterable[ToolContent]:
    """Every tool that the content knows, at any depth."""
    yield from content.tools
    if isinstance(content, ProgramContent):
        for _, module in content.modules:
            yield from _tools_in(module)
    elif content.inner is not None:
        yield from _tools_in(content.inner)


def _tool_of(kept: ToolContent, function: Callable[..., Any] | None) -> Tool:
    """The tool as it was described, with its function, or one that says that there is none."""
    if function is not None:
        return Tool(kept.name, function, inspect.signature(function), kept.desc, kept.args)

    def absent(**_: Any) -> Any:
        problem = f"the function {kept.name!r} of the host was not given to this process"
        raise FaultError.of(FaultKind.TOOL_ERROR, problem, tool=kept.name)

    return Tool(kept.name, absent, inspect.signature(absent), kept.desc, kept.args)


def _refuse_host_reward(content: ModuleContent) -> None:
    reward = content.reward
    if isinstance(reward, Mapping) and "host" in cast("Mapping[str, Any]", reward):
        raise ConfigurationError(
            "reward",
            "it was a function of the process that made this module, which is not kept",
            "give a metric by its name, or as source text",
        )


def _plain(sandbox: Mapping[str, Any]) -> dict[str, Any]:
    return {word: str(value) for word, value in sorted(sandbox.items())}
