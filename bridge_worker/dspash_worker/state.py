"""State: what a program has learned, as JSON: demos, instructions, the options of its LM calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import dspy

from dspash_protocol.signature import closest
from dspash_worker.call import Call
from dspash_worker.classes import named_predictors
from dspash_worker.faults import fault_of
from dspash_worker.lm import LM_OPTIONS
from dspash_worker.refusal import invalid, invalid_value
from dspash_worker.wire_types import to_wire
from dspash_worker.workbench import Workbench, id_of

__all__ = ["apply_module_state", "dump", "dump_state", "load_state", "restore", "summarise"]

_FULL: Final = "state"
_SELF: Final = "self"
"""What DSPy calls the predictor of a module that is itself one; its own state has no level for it."""


def dump_state(workbench: Workbench, call: Call) -> dict[str, Any]:
    """Answer `dump_state {id}` with `{id, state, modules}`."""
    definition = workbench.definition(call, id_of(call.args, "id", "program_id", "module_id"))
    return {"id": definition.id, "state": dump(definition.module), "modules": summarise(definition.module)}


def load_state(workbench: Workbench, call: Call) -> dict[str, Any]:
    """Answer `load_state {id, state}`. Calls that run meanwhile end as they began: with the old state."""
    name = id_of(call.args, "id")
    with workbench.defining(call) as promise:
        definition = workbench.earlier(call, promise, name)
        changed = definition.module.deepcopy()
        restore(changed, call.args.get("state"), path="$.state")
        workbench.keep(call, promise, definition.with_module(changed))
    return {"id": name}


def dump(module: dspy.Module) -> dict[str, Any]:
    """Return DSPy's own state of `module`, all of it wire values, predictor by predictor.

    An LM set on a predictor is kept by its name and options: never its key, its address or the code of its engine.
    """
    own = module.dump_state()
    state: dict[str, Any] = to_wire({_SELF: own} if isinstance(module, dspy.Predict) else own)
    for predictor in _predictor_states(state):
        if isinstance(predictor.get("lm"), dict):
            kept = ("model", "model_type", *LM_OPTIONS)
            predictor["lm"] = {name: value for name, value in predictor["lm"].items() if name in kept}
    return state


def restore(module: dspy.Module, raw: object, *, path: str) -> None:
    """Load what `dump` (or `dump_state` as a whole) gave into `module`. Raises FaultError naming what does not fit.

    JSON only: nothing in it is ever unpickled or imported.
    """
    state = raw.get(_FULL, raw) if isinstance(raw, Mapping) and isinstance(raw.get(_FULL), Mapping) else raw
    if not isinstance(state, Mapping):
        raise invalid_value(path, "a map of states, one for each predictor", raw)
    known = [name for name, _ in module.named_parameters()]
    for name in state:
        if name not in known and name != "metadata":
            near = closest(str(name), known) or f"there are {', '.join(known) or 'none'}"
            raise invalid(f"{path}.{name}", "no such predictor", hint=near)
    for name in known:
        if name not in state:
            raise invalid(f"{path}.{name}", "missing: every predictor's state is needed")
        if not isinstance(state[name], Mapping):
            raise invalid_value(f"{path}.{name}", "a map", state[name])
    loadable = {name: _without_lm(state[name]) for name in known}
    try:
        module.load_state(loadable[_SELF] if isinstance(module, dspy.Predict) else loadable)
    except Exception as error:
        raise invalid(path, f"this state does not fit: {fault_of(error).message}") from error


def summarise(module: dspy.Module) -> dict[str, Any]:
    """Return demos and instructions by part: the shape of the plain protocol's origin.

    A part is an attribute with one predictor in it, so that what is said of it fits `create_module`'s `state`; where
    an attribute has several, each predictor is a part.
    """
    predictors = named_predictors(module)
    counts = Counter(_attribute_of(name) for name, _ in predictors)
    return {
        _attribute_of(name) if counts[_attribute_of(name)] == 1 else name: {
            "demos": [to_wire(demo, path=f"$.{name}.demos") for demo in predictor.demos],
            "instructions": predictor.signature.instructions,
            "signature": predictor.signature.signature,
            **({"config": to_wire(predictor.config)} if predictor.config else {}),
        }
        for name, predictor in predictors
    }


def _attribute_of(predictor: str) -> str:
    return predictor.partition(".")[0]


def apply_module_state(module: dspy.Module, raw: object, *, path: str) -> None:
    """Give `module` the demos and instructions of `raw`, or all of a dumped state.

    The short form, `{demos, instructions}`, is for modules with one predictor, or says it of each.
    """
    if not isinstance(raw, Mapping):
        raise invalid_value(path, "a map", raw)
    if not raw:
        return
    if not raw.keys() <= {"demos", "instructions", "signature", "config"}:
        restore(module, raw, path=path)
        return
    for _, predictor in named_predictors(module):
        if raw.get("instructions"):
            predictor.signature = predictor.signature.with_instructions(str(raw["instructions"]))
        if raw.get("demos") is not None:
            predictor.demos = _demos(raw["demos"], f"{path}.demos")


def _demos(raw: object, path: str) -> list[dspy.Example]:
    if not isinstance(raw, list):
        raise invalid_value(path, "a list of demos", raw)
    for index, demo in enumerate(raw):
        if not isinstance(demo, Mapping):
            raise invalid_value(f"{path}[{index}]", "a map of fields", demo)
    return [dspy.Example(**demo) for demo in raw]


def _predictor_states(state: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for part in state.values() if isinstance(part, dict)]


def _without_lm(state: Mapping[str, Any]) -> dict[str, Any]:
    """Which model runs a program is what its worker is configured with; the state tells only what was learned."""
    return {**state, "lm": None}
