"""Modules: `create_module`, from a request to a definition."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import dspy

from dspash_protocol import FaultError
from dspash_protocol.signature import SignatureError, SignatureSpec, read_signature
from dspash_worker.avatar import Avatar, avatar_tool
from dspash_worker.call import Call
from dspash_worker.classes import (
    callable_in_a_thread,
    forward_of,
    import_module_class,
    separate,
    takes_anything,
)
from dspash_worker.definitions import Definition, Kind
from dspash_worker.faults import of_program
from dspash_worker.interpreters import code_interpreter
from dspash_worker.lm import LM_OPTIONS, check_lm_options
from dspash_worker.metrics import read_reward
from dspash_worker.module_types import MODULE_TYPES, ModuleType, find_module_type
from dspash_worker.parameters import check_config, check_required, parameters_of
from dspash_worker.refusal import invalid, invalid_signature, invalid_value, pick
from dspash_worker.signatures import Inputs, NamedInputs, SignatureInputs, build_signature, inputs_of_function
from dspash_worker.state import apply_module_state
from dspash_worker.tools import Tool, read_tools
from dspash_worker.workbench import Workbench, id_of

__all__ = ["create_module", "define_module", "read_module"]

CUSTOM: Final = "custom"


@dataclass(frozen=True, slots=True)
class _Request:
    """What was asked for, read and checked."""

    workbench: Workbench
    call: Call
    args: Mapping[str, Any]
    path: str
    id: str
    type: str
    spec: SignatureSpec | None
    tools: Mapping[str, Tool]
    config: Mapping[str, Any]

    @property
    def config_path(self) -> str:
        return f"{self.path}.config"


def create_module(workbench: Workbench, call: Call) -> dict[str, Any]:
    """Answer `create_module {id, type, signature, config?, tools?, module?, reward?, class?, state?}`."""
    with workbench.defining(call) as promise:
        definition = define_module(workbench, call, call.args, id_of(call.args, "id"))
        workbench.keep(call, promise, definition)
    return definition.to_map()


def define_module(
    workbench: Workbench, call: Call, args: Mapping[str, Any], id: str, path: str = "$"
) -> Definition:
    """Build what `args` describe. Raises FaultError naming the key that does not fit."""
    with workbench.loading(call) as said:
        definition = _define(workbench, call, args, id, path)
    return replace(definition, settings=said)


def _define(workbench: Workbench, call: Call, args: Mapping[str, Any], id: str, path: str) -> Definition:
    spelled = pick(args, "type", str, "a module type (text)", path=path, default="")
    request = _Request(
        workbench=workbench,
        call=call,
        args=args,
        path=path,
        id=id,
        type=find_module_type(spelled, path=f"{path}.type"),
        spec=_read_spec(args, path),
        tools=read_tools(args.get("tools"), full=workbench.full, path=f"{path}.tools"),
        config=pick(args, "config", Mapping, "a map", path=path, default={}),
    )
    definition = (
        _build_custom(request) if request.type == CUSTOM else _build(request, MODULE_TYPES[request.type])
    )
    if args.get("state") is not None:
        apply_module_state(definition.module, args["state"], path=f"{path}.state")
    return definition


def read_module(workbench: Workbench, call: Call, raw: object, *, path: str) -> Definition:
    """Return the module that `raw` names by its id, or describes in full."""
    if isinstance(raw, str):
        return workbench.definition(call, raw)
    if not isinstance(raw, Mapping):
        raise invalid_value(path, "a module's id or a map that describes one", raw)
    if "type" not in raw:
        return workbench.definition(call, id_of(raw, "id"))
    return define_module(workbench, call, raw, str(raw.get("id") or raw.get("name") or "module"), path)


def _build(request: _Request, row: ModuleType) -> Definition:
    _check_parts(request, row)
    config = dict(request.config)
    options = {
        name: config.pop(name) for name in request.config if name in LM_OPTIONS and name not in row.parameters
    }
    given = check_config(config, row.parameters, path=request.config_path, also=LM_OPTIONS)
    check_required(given, row.parameters, path=request.config_path)
    options = check_lm_options(options, request.config_path)
    given |= options if row.takes_lm_options else {}
    inner = _add_parts(request, row, given)
    module = _construct(row.make, given, request)
    if options and not row.takes_lm_options:
        for predictor in module.predictors():
            predictor.update_config(**options)
    return Definition(
        id=request.id,
        kind=Kind.MODULE,
        type=row.name,
        module=module,
        inputs=_inputs_of(row, request.spec, inner),
        spec=request.spec,
        tools=request.tools,
        stateful=row.stateful,
        parts=(inner.id,) if inner is not None else (),
    )


def _add_parts(request: _Request, row: ModuleType, given: dict[str, Any]) -> Definition | None:
    """Put what the type is made of beside its configuration; returns the module that it runs, if it does."""
    inner: Definition | None = None
    if request.spec is not None:
        given["signature"] = build_signature(request.spec)
    if row.takes.tools:
        given["tools"] = [tool.to_dspy() for tool in request.tools.values()]
    if row.takes.interpreter:
        given["interpreter_factory"] = code_interpreter
    if row.takes.module:
        inner = read_module(
            request.workbench, request.call, request.args["module"], path=f"{request.path}.module"
        )
        given["module"] = separate(inner.module)  # what is set on the outer one must not reach it
    if row.takes.reward:
        given["reward_fn"] = read_reward(request.args["reward"], path=f"{request.path}.reward")
    return inner


def _build_custom(request: _Request) -> Definition:
    """Make a module of any importable class; signature and tools are passed where its constructor takes them."""
    place = pick(request.args, "class", str, "a class (text)", path=request.path, default="")
    made = import_module_class(place, path=f"{request.path}.class")
    taken = inspect.signature(made.__init__).parameters
    given: dict[str, Any] = dict(request.config)
    if not takes_anything(made.__init__):
        parameters = parameters_of(made, given=("signature", "tools"))
        check_required(
            check_config(given, parameters, path=request.config_path), parameters, path=request.config_path
        )
    if request.spec is not None and "signature" in taken:
        given["signature"] = build_signature(request.spec)
    is_avatar = issubclass(made, Avatar)
    if "tools" in taken and (request.tools or taken["tools"].default is inspect.Parameter.empty):
        given["tools"] = [
            avatar_tool(tool) if is_avatar else tool.to_dspy() for tool in request.tools.values()
        ]
    module = _construct(made, given, request)
    inputs = (
        SignatureInputs(request.spec) if request.spec is not None else inputs_of_function(forward_of(module))
    )
    return Definition(
        request.id, Kind.MODULE, CUSTOM, module, inputs, request.spec, request.tools, stateful=is_avatar
    )


def _construct(make: Callable[..., Any], given: dict[str, Any], request: _Request) -> dspy.Module:
    """Construct, telling the constructor's own complaints as what they are: about the arguments."""
    try:
        with of_program(f"module {request.id}"):
            return callable_in_a_thread(make(**given))
    except FaultError as error:
        cause = error.__cause__
        if isinstance(cause, ValueError | TypeError | AssertionError):
            raise invalid(request.config_path, str(cause) or type(cause).__name__) from cause
        raise


def _check_parts(request: _Request, row: ModuleType) -> None:
    """Every part that the type is made of is there, and none that it has no use for."""
    takes, path = row.takes, request.path
    wanted = {"signature": takes.signature, "module": takes.module, "reward": takes.reward}
    for name, is_wanted in wanted.items():
        if is_wanted and request.args.get(name) is None:
            raise invalid(f"{path}.{name}", f"missing: {row.name} is made of one")
        if not is_wanted and request.args.get(name) is not None:
            raise invalid(f"{path}.{name}", f"{row.name} takes none")
    if request.tools and not takes.tools:
        with_tools = ", ".join(other.name for other in MODULE_TYPES.values() if other.takes.tools)
        raise invalid(f"{path}.tools", f"{row.name} takes none", hint=f"types with tools are {with_tools}")


def _inputs_of(row: ModuleType, spec: SignatureSpec | None, inner: Definition | None) -> Inputs:
    if spec is not None:
        return SignatureInputs(spec, row.also)
    if row.name == "parallel":
        return NamedInputs(frozenset({"inputs"}), frozenset({"inputs"}))
    return inner.inputs if inner is not None else inputs_of_function(row.make)


def _read_spec(args: Mapping[str, Any], path: str) -> SignatureSpec | None:
    raw = args.get("signature")
    if raw is None:
        return None
    instructions = pick(args, "instructions", str, "text", path=path, default="")
    try:
        return read_signature(raw, instructions=instructions, path=f"{path}.signature")
    except SignatureError as error:
        raise invalid_signature(error) from None
