"""Module types: the table of what `create_module` can make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import dspy

from dspash_protocol.signature import closest
from dspash_worker.parallel_module import ParallelModule
from dspash_worker.parameters import Parameter, parameters_of
from dspash_worker.refusal import invalid
from dspash_worker.sampling import BestOfN, Refine

__all__ = ["MODULE_TYPES", "ModuleType", "Takes", "find_module_type"]


@dataclass(frozen=True, slots=True)
class Takes:
    """What a module is made of beside its configuration."""

    signature: bool = True
    tools: bool = False
    module: bool = False  # another module, which it runs
    reward: bool = False
    interpreter: bool = False  # it runs code that a model writes


class _Make(Protocol):
    """Makes the module of one type."""

    def __call__(self, *parts: Any, **config: Any) -> dspy.Module: ...


@dataclass(frozen=True, slots=True)
class ModuleType:
    """One row of the table.

    `lm_options` go to the class itself where it says so (Predict and its kin take them), else to the predictors
    inside. `also` are inputs that it needs beside its signature's; `stateful` ones keep something of a call.
    """

    name: str
    make: _Make
    takes: Takes = Takes()
    given: tuple[str, ...] = ()
    takes_lm_options: bool = False
    also: frozenset[str] = field(default_factory=frozenset[str])
    stateful: bool = False

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """What its configuration may set: the class's own parameters, but for those that are given as parts."""
        return parameters_of(self.make, given=(*_PARTS, *self.given))


_PARTS: Final = (
    "self",
    "signature",
    "tools",
    "module",
    "reward_fn",
    "interpreter_factory",
    "callbacks",
    "sub_lm",
)
_AGENT: Final = Takes(tools=True)
_CODE: Final = Takes(interpreter=True)
_CODE_AGENT: Final = Takes(tools=True, interpreter=True)
_SAMPLER: Final = Takes(signature=False, module=True, reward=True)

MODULE_TYPES: Final[Mapping[str, ModuleType]] = {
    row.name: row
    for row in (
        ModuleType("predict", dspy.Predict, given=("config",), takes_lm_options=True),
        ModuleType(
            "chain_of_thought",
            dspy.ChainOfThought,
            given=("config", "rationale_field", "rationale_field_type"),
            takes_lm_options=True,
        ),
        ModuleType(
            "multi_chain_comparison",
            dspy.MultiChainComparison,
            given=("config",),
            takes_lm_options=True,
            also=frozenset({"completions"}),
        ),
        ModuleType("react", dspy.ReAct, _AGENT),
        ModuleType("react_v2", dspy.ReActV2, _AGENT),
        ModuleType("program_of_thought", dspy.ProgramOfThought, _CODE),
        ModuleType("code_act", dspy.CodeAct, _CODE_AGENT),
        ModuleType("rlm", dspy.RLM, _CODE_AGENT),
        ModuleType("best_of_n", BestOfN, _SAMPLER, stateful=True),
        ModuleType("refine", Refine, _SAMPLER, stateful=True),
        ModuleType("parallel", ParallelModule, Takes(signature=False, module=True)),
    )
}
"""`custom` is the one type that is no row: it names a class of its own."""

_SPELLINGS: Final = {name.replace("_", ""): name for name in (*MODULE_TYPES, "custom")}


def find_module_type(name: str, *, path: str) -> str:
    """Return the canonical name of a type, in whatever case it is spelled. Raises FaultError for no type."""
    found = _SPELLINGS.get(name.replace("_", "").lower())
    if found is None:
        known: Sequence[str] = (*MODULE_TYPES, "custom")
        near = closest(name, known)
        raise invalid(
            path, f"{name!r:.60} is no module type", hint=f"{near} types are {', '.join(known)}".strip()
        )
    return found
