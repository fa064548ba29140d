"""Plan: what is to be defined, and the host functions it may call."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

from dspash.app.answers import list_of, map_of, number_of
from dspash.app.metrics import HostMetrics, Metric
from dspash.app.runnable import Module, Program, Runnable
from dspash.app.sandbox_choice import SandboxChoice, SandboxDefaults, choose_sandbox
from dspash.app.tools import Tool, Toolbox, tool_of
from dspash.errors import ConfigurationError
from dspash.signatures import spec_of
from dspash.usage import Usage
from dspash_protocol.signature import InputCheck, SignatureSpec, signature_map

if TYPE_CHECKING:
    from dspash.app.app import App

__all__ = ["Plan", "Planner", "Tools", "describe_tools"]

R = TypeVar("R", bound=Runnable)
Tools: TypeAlias = Mapping[str, Callable[..., Any]] | Sequence[Callable[..., Any]]

_TAKES_MORE: Final = frozenset({"multichaincomparison"})
"""Types of modules whose inputs are more than those of their signature."""

_TAKES_THE_SAME: Final = frozenset({"bestofn", "refine"})
"""Types of modules whose inputs are those of the module that they run."""

_FORM_KEYS: Final = {"source": "source", "forward_fn": "forward_fn", "cls": "class"}


@dataclass(frozen=True, slots=True)
class Plan(Generic[R]):
    """A runnable that no worker knows yet, and its tools by name."""

    runnable: R
    tools: Mapping[str, Tool]


class Planner:
    """Turns what a user asks for into plans. Raises ConfigurationError for what cannot be asked."""

    def __init__(
        self, app: App, toolbox: Toolbox, metrics: HostMetrics, sandbox_defaults: SandboxDefaults
    ) -> None:
        self._app = app
        self._sandbox_defaults = sandbox_defaults
        self._toolbox = toolbox
        self._metrics = metrics
        self._numbers = itertools.count(1)

    def module(
        self,
        type_: str,
        id_: str | None,
        tools: Tools,
        config: Mapping[str, Any],
        *,
        signature: Any,
        module: Runnable | None,
        reward: Metric | None,
        cls: str | None,
    ) -> Plan[Module]:
        """A module; it may use its own tools and those of the module it is made of."""
        if module is not None:
            _require_runnable("module", module)
        inner: Mapping[str, Tool] = self._toolbox.of(module.id) if module is not None else {}
        own = describe_tools(tools)
        said = None if signature is None else spec_of(signature)
        parts = {
            "signature": signature if said is None or _travels(signature) else signature_map(said),
            "module": None if module is None else module.id,
            "reward": None if reward is None else self._metrics.keep(reward),
            "class": cls,
        }
        create: dict[str, Any] = {
            "id": id_ or f"{type_}-{next(self._numbers)}",
            "type": type_,
            "config": dict(config),
            "tools": [tool.to_map() for tool in own.values()],
            **{name: part for name, part in parts.items() if part is not None},
        }
        parts_of = () if module is None else (module,)
        choice = choose_sandbox(self._sandbox_defaults, is_text=False, inherited=_inherited(parts_of))
        check = _check_of(type_, said, module)
        made = Module(
            self._app, create["id"], create, parts=parts_of, sandbox=choice, check=check, name=id_ or ""
        )
        return Plan(made, {**inner, **own})

    def program(
        self,
        name: str,
        modules: Mapping[str, Module],
        tools: Tools,
        init: Mapping[str, Any],
        *,
        class_name: str | None = None,
        sandbox: Mapping[str, Any],
        **forms: str | None,
    ) -> Plan[Program]:
        """A program in one of the three forms; it may use its own tools and those of its modules.

        `sandbox` is what was said about that, as choose_sandbox takes it.
        """
        given = {form: text for form, text in forms.items() if text is not None}
        if len(given) != 1:
            problem = f"{len(given)} of {', '.join(forms)} are given"
            raise ConfigurationError(f"program({name!r})", problem, "give exactly one of them")
        _require_map("modules", modules)
        described: dict[str, Tool] = {}
        for attribute, module in modules.items():
            _require_runnable(f"modules[{attribute!r}]", module)
            described.update(self._toolbox.of(module.id))
        described.update(describe_tools(tools))
        create: dict[str, Any] = {
            "id": name,
            **{_FORM_KEYS[form]: text for form, text in given.items()},
            "modules": [{"id": module.id, "name": attribute} for attribute, module in modules.items()],
            "tools": [tool.to_map() for tool in described.values()],
            "config": dict(init),
            **({} if class_name is None else {"class_name": class_name}),
        }
        parts = tuple(modules.values())
        choice = choose_sandbox(
            self._sandbox_defaults, is_text="cls" not in given, inherited=_inherited(parts), **sandbox
        )
        if choice is not None and len(choice.models) > 1:  # more than the app's own, which it has anyway
            create["lms"] = self._sandbox_defaults.describe(choice.models)
        return Plan(Program(self._app, name, create, parts=parts, sandbox=choice, name=name), described)

    def improved(self, runnable: R, answer: Any, usage: Usage) -> Plan[R]:
        """What an optimizer has made of `runnable`: the same definition under a new id, with the learned state.

        Raises ProtocolError for an answer that is none.
        """
        answered = map_of(answer, "the answer")
        learned = map_of(answered.get("optimized_program"), "the improved program")
        score = answered.get("score")
        candidates = list_of(answered.get("candidates", []), "the candidates")
        new_id = f"{runnable.id}@{next(self._numbers)}"
        self._metrics.keep_on(runnable.create.get("reward"))
        improved = replace(
            runnable,
            id=new_id,
            create={**runnable.create, "id": new_id},
            state=map_of(learned.get("state"), "the learned state"),
            score=None if score is None else number_of(score, "the score"),
            candidates=tuple(map_of(candidate, "a candidate") for candidate in candidates),
            usage=usage,
        )
        return Plan(improved, self._toolbox.of(runnable.id))

    def functions_of(self, runnable: Runnable) -> dict[str, Callable[..., Any]]:
        """The host functions that it calls, by name."""
        return {name: tool.function for name, tool in self._toolbox.of(runnable.id).items()}

    @contextmanager
    def provided(self, plan: Plan[Any]) -> Generator[None, None, None]:
        """Offer the plan's host functions from now on; when the block fails, all is as it was."""
        owner = plan.runnable.id
        before = self._toolbox.of(owner)
        self._toolbox.put(owner, plan.tools)
        try:
            yield
        except BaseException:
            self.forget(plan.runnable)
            self._toolbox.put(owner, before)
            raise

    def forget(self, runnable: Runnable) -> None:
        """Offer its host functions no more."""
        self._toolbox.forget(runnable.id)
        self._metrics.drop(runnable.create.get("reward"))


def _inherited(parts: Iterable[Runnable]) -> SandboxChoice | None:
    """How the first part that is sandboxed is."""
    return next((part.sandbox for part in parts if part.sandbox is not None), None)


def _travels(signature: object) -> bool:
    """Whether a signature may go to a worker as it was given."""
    return isinstance(signature, str | Mapping)


def _check_of(type_: str, said: SignatureSpec | None, module: Runnable | None) -> InputCheck | None:
    """What the inputs of a module are held against: its signature, or that of the module it runs."""
    spelled = type_.replace("_", "").lower()
    if said is not None and spelled not in _TAKES_MORE:
        return InputCheck(said)
    return module.check if module is not None and spelled in _TAKES_THE_SAME else None


def _require_map(path: str, value: object) -> None:
    if not isinstance(value, Mapping):
        problem = f"{type(value).__name__} does not say which attribute each becomes"
        raise ConfigurationError(path, problem, "give a map of names to modules")


def _require_several(path: str, value: object) -> None:
    if isinstance(value, str) or not isinstance(value, Iterable):
        problem = f"{type(value).__name__} is no list of functions"
        raise ConfigurationError(path, problem, "give a list, also for one function")


def _require_runnable(path: str, value: object) -> None:
    if not isinstance(value, Runnable):
        problem = f"{type(value).__name__} is no module"
        raise ConfigurationError(path, problem, "give what app.module or app.program returned")


def describe_tools(tools: Tools) -> dict[str, Tool]:
    """The tools by the names under which they are called. Raises ConfigurationError for what is none."""
    _require_several("tools", tools)
    named = tools.items() if isinstance(tools, Mapping) else ((_name_of(tool), tool) for tool in tools)
    return {name: tool_of(name, function) for name, function in named}


def _name_of(tool: Callable[..., Any]) -> str:
    name = getattr(tool, "__name__", None)
    if not isinstance(name, str):
        raise ConfigurationError("tools", f"{tool!r:.60} has no name", "give tools as a map of names")
    return name
