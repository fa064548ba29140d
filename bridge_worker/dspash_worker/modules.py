"""Modules: `create_module`, from a request to a definition."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import dspy

from dspash_protocol.signature import SignatureError, SignatureSpec, read_signature
from dspash_worker.call import Call
from dspash_worker.definitions import Definition, Kind
from dspash_worker.faults import of_program
from dspash_worker.interpreters import local_interpreter
from dspash_worker.lm import LM_OPTIONS, check_lm_options
from dspash_worker.metrics import read_reward
from dspash_worker.module_types import MODULE_TYPES, ModuleType, find_module_type
from dspash_worker.parameters import check_config, parameters_of
from dspash_worker.refusal import invalid, invalid_signature, invalid_value, pick
from dspash_worker.signatures import Inputs, NamedInputs, SignatureInputs, build_signature, inputs_of_function
from dspash_worker.state import apply_module_state
from dspash_worker.tools import Tool, import_object, read_tools
from dspash_worker.workbench import Workbench, id_of

__all__ = ["create_module", "define_module", "read_module"]

CUSTOM: Final = "custom"


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a request gave, read and checked."""

    args: Mapping[str, Any]
    path: str
    spec: SignatureSpec | None
    tools: Mapping[str, Tool]
    config: Mapping[str, Any]


def create_module(workbench: Workbench, call: Call) -> dict[str, Any]:
    """Answer `create_module {id, type, signature, config?, tools?, module?, reward?, class?, state?}`."""
    with workbench.defining(call) as promise:
        definition = define_module(workbench, call, call.args, id_of(call.args, "id"))
        workbench.keep(call, promise, definition)
    return definition.to_map()


def define_module(
    workbench: Workbench, call: Call, args: Mapping[str, Any], id: str, path: str = "$"
) -> Definition:  # noqa: A002
    """Build what `args` describe. Raises FaultError naming the key that does not fit."""
    name = find_module_type(
        pick(args, "type", str, "a module type (text)", path=path, default=""), path=f"{path}.type"
    )
    parts = _Parts(
        args=args,
        path=path,
        spec=_read_spec(args, path),
        tools=read_tools(args.get("tools"), full=workbench.full, path=f"{path}.tools"),
        config=pick(args, "config", Mapping, "a map", path=path, default={}),
    )
    build = _build_custom if name == CUSTOM else _build
    definition = build(workbench, call, id, name, parts)
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


def _build(workbench: Workbench, call: Call, id: str, name: str, parts: _Parts) -> Definition:  # noqa: A002
    row = MODULE_TYPES[name]
    _check_parts(row, parts)
    config_path = f"{parts.path}.config"
    options = {
        key: value for key, value in parts.config.items() if key in LM_OPTIONS and key not in row.parameters
    }
    config = {key: value for key, value in parts.config.items() if key not in options}
    given: dict[str, Any] = check_config(config, row.parameters, path=config_path, also=LM_OPTIONS)
    given |= check_lm_options(options, config_path) if row.takes_lm_options else {}
    inner: Definition | None = None
    if parts.spec is not None:
        given["signature"] = build_signature(parts.spec)
    if row.takes.tools:
        given["tools"] = [tool.to_dspy() for tool in parts.tools.values()]
    if row.takes.interpreter:
        given["interpreter_factory"] = local_interpreter()
    if row.takes.module:
        inner = read_module(workbench, call, parts.args.get("module"), path=f"{parts.path}.module")
        given["module"] = inner.module
    if row.takes.reward:
        given["reward_fn"] = read_reward(parts.args.get("reward"), path=f"{parts.path}.reward")
    module = _construct(row.make, given, id, config_path)
    if not row.takes_lm_options:
        _configure_predictors(module, check_lm_options(options, config_path))
    inputs = _inputs_of(row, parts.spec, inner)
    return Definition(
        id,
        Kind.MODULE,
        name,
        module,
        inputs,
        parts.spec,
        parts.tools,
        row.stateful,
        (inner.id,) if inner else (),
    )


def _build_custom(workbench: Workbench, call: Call, id: str, name: str, parts: _Parts) -> Definition:  # noqa: A002
    """Make a module of any importable class; signature and tools are passed where its constructor takes them."""
    place = pick(parts.args, "class", str, "a class (text)", path=parts.path, default="")
    made = import_object(place, path=f"{parts.path}.class")
    if not inspect.isclass(made) or not issubclass(made, dspy.Module):
        raise invalid(f"{parts.path}.class", f"{place!r} is no dspy.Module class")
    taken = inspect.signature(made.__init__).parameters
    given: dict[str, Any] = dict(parts.config)
    if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in taken.values()):
        check_config(
            given, parameters_of(made.__init__, given=("signature", "tools")), path=f"{parts.path}.config"
        )
    if parts.spec is not None and "signature" in taken:
        given["signature"] = build_signature(parts.spec)
    if parts.tools and "tools" in taken:
        given["tools"] = [tool.to_dspy() for tool in parts.tools.values()]
    module = _construct(made, given, id, f"{parts.path}.config")
    inputs = (
        SignatureInputs(parts.spec) if parts.spec is not None else inputs_of_function(type(module).forward)
    )
    return Definition(id, Kind.MODULE, name, module, inputs, parts.spec, parts.tools)


def _construct(make: Callable[..., Any], given: dict[str, Any], id: str, path: str) -> dspy.Module:  # noqa: A002
    """Construct, telling the constructor's own complaints as what they are: about the arguments."""
    try:
        with of_program(f"module {id}"):
            return make(**given)
    except Exception as error:
        cause = error.__cause__
        if isinstance(cause, ValueError | TypeError | AssertionError):
            raise invalid(path, str(cause) or type(cause).__name__) from cause
        raise


def _check_parts(row: ModuleType, parts: _Parts) -> None:
    """Every part that the type is made of is there, and none that it has no use for."""
    args, path, takes = parts.args, parts.path, row.takes
    wanted = {"signature": takes.signature, "module": takes.module, "reward": takes.reward}
    for name, is_wanted in wanted.items():
        if is_wanted and args.get(name) is None:
            raise invalid(f"{path}.{name}", f"missing: {row.name} is made of one")
        if not is_wanted and args.get(name) is not None:
            raise invalid(f"{path}.{name}", f"{row.name} takes none")
    if parts.tools and not takes.tools:
        raise invalid(
            f"{path}.tools",
            f"{row.name} takes none",
            hint="types with tools are react, react_v2, code_act, rlm",
        )


def _configure_predictors(module: dspy.Module, options: Mapping[str, Any]) -> None:
    for predictor in module.predictors() if options else ():
        predictor.update_config(**options)


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
