"""Leaves: the predictors in the state of a module or program, each with what can be edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from dspash.resources.content.canonical import wire_of
from dspash.resources.content.errors import ContentError
from dspash.resources.content.reading import list_in, map_in, text_in

__all__ = ["Leaf", "edited_leaf", "leaves_of", "with_leaf"]

_SIGNATURE: Final = "signature"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One predictor: its name (`qa.predict`), the instructions the model is given, demonstrations, fields, LM options.

    `fields` are those of its signature as DSPy keeps them: a prefix and a description each, inputs first.
    """

    name: str
    instructions: str
    demos: tuple[Mapping[str, Any], ...]
    fields: tuple[Mapping[str, Any], ...] = ()
    lm: Mapping[str, Any] | None = None


def leaves_of(state: Mapping[str, Any] | None) -> tuple[Leaf, ...]:
    """Every predictor of DSPy's `state`, in its order. Raises ContentError for a state that is none."""
    return tuple(_leaf(name, raw) for name, raw in (state or {}).items() if _is_predictor(raw))


def edited_leaf(raw: Mapping[str, Any]) -> Leaf:
    """A leaf as an edit gives it: `name`, `instructions` and `demos`. Raises ContentError."""
    demos = [map_in(demo, f"$.demos[{index}]") for index, demo in enumerate(list_in(raw, "demos", "$"))]
    return Leaf(text_in(raw, "name", "$"), text_in(raw, "instructions", "$"), tuple(wire_of(demos)))


def with_leaf(state: Mapping[str, Any], leaf: Leaf) -> dict[str, Any]:
    """The state with the instructions and demos of `leaf` in place of its predictor's. Raises ContentError."""
    found = state.get(leaf.name)
    if not _is_predictor(found):
        known = ", ".join(each.name for each in leaves_of(state)) or "none"
        raise ContentError(leaf.name, "there is no such predictor", f"there are {known}")
    before = map_in(found, leaf.name)
    signature = {**map_in(before[_SIGNATURE], leaf.name), "instructions": leaf.instructions}
    demos = [dict(demo) for demo in leaf.demos]
    return {**state, leaf.name: {**before, "demos": demos, _SIGNATURE: signature}}


def _leaf(name: str, raw: Mapping[str, Any]) -> Leaf:
    signature = map_in(raw.get(_SIGNATURE), f"$.{name}.signature")
    demos = [
        map_in(demo, f"$.{name}.demos[{index}]")
        for index, demo in enumerate(list_in(raw, "demos", f"$.{name}"))
    ]
    fields = [
        map_in(each, f"$.{name}.signature.fields")
        for each in list_in(signature, "fields", f"$.{name}.signature")
    ]
    lm = raw.get("lm")
    return Leaf(
        name,
        str(signature.get("instructions") or ""),
        tuple(cast("Sequence[Mapping[str, Any]]", wire_of(demos))),
        tuple(fields),
        None if lm is None else map_in(lm, f"$.{name}.lm"),
    )


def _is_predictor(raw: object) -> bool:
    """A state may hold more than predictors: metadata, and parts that others wrote."""
    return isinstance(raw, Mapping) and _SIGNATURE in raw
