"""OptimizerTypes: which optimizers of DSPy's there are, and what a configuration of each may set."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from dspash.errors import Problem

__all__ = [
    "OptimizerParameter",
    "OptimizerType",
    "config_problems",
    "find_optimizer_type",
    "optimizer_types",
    "type_problem",
]

_FILE: Final = Path(__file__).with_name("optimizer_types.json")
_FITS: Final[Mapping[str, tuple[type, ...]]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "list": (list, tuple),
    "dict": (Mapping,),
    "null": (type(None),),
}


@dataclass(frozen=True, slots=True)
class OptimizerParameter:
    """One parameter: the kinds of value it takes (none: any), or the options; `default` where it is not required."""

    name: str
    kinds: tuple[str, ...]
    options: tuple[Any, ...]
    required: bool
    default: Any
    doc: str

    def problem_of(self, value: object) -> str | None:
        """What is wrong with `value`, or None."""
        if any(_is_a(value, kind) for kind in self.kinds) or value in self.options:
            return None
        if self.options:
            return f"{value!r:.60} is none of {', '.join(map(repr, self.options))}"
        if not self.kinds:
            return None
        return f"{' or '.join(self.kinds)} is wanted, this is {type(value).__name__}"


@dataclass(frozen=True, slots=True)
class OptimizerType:
    """One of DSPy's optimizers. `models` are the parameters that take a model, by alias or with its settings.

    `wants_feedback`: it learns from what a metric says beside the score. `portable`: what it makes is a state, which every
    worker can have. `refused` are parameters of DSPy's that cannot be set here, with the reason.
    """

    name: str
    dspy_class: str
    aliases: tuple[str, ...]
    doc: str
    models: tuple[str, ...]
    takes_teacher: bool
    needs_metric: bool
    wants_feedback: bool
    portable: bool
    parameters: Mapping[str, OptimizerParameter]
    refused: Mapping[str, str]

    def to_map(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        parameters = [
            {
                "name": one.name,
                "kinds": list(one.kinds),
                "options": list(one.options),
                "required": one.required,
                "default": one.default,
                "doc": one.doc,
            }
            for one in self.parameters.values()
        ]
        return {**self.summary(), "parameters": parameters, "refused": dict(self.refused)}

    def summary(self) -> dict[str, Any]:
        """What it is, without its parameters."""
        return {
            "name": self.name,
            "class": self.dspy_class,
            "aliases": list(self.aliases),
            "doc": self.doc,
            "models": list(self.models),
            "takes_teacher": self.takes_teacher,
            "needs_metric": self.needs_metric,
            "wants_feedback": self.wants_feedback,
            "portable": self.portable,
        }


@cache
def optimizer_types() -> Mapping[str, OptimizerType]:
    """All of them by name, as the DSPy that the table was made from has them."""
    return {raw["name"]: _read(raw) for raw in json.loads(_FILE.read_text(encoding="utf-8"))["optimizers"]}


def find_optimizer_type(name: str) -> OptimizerType | None:
    """The one that `name` means, in whatever case it is spelled (`BootstrapFewShot`, `bootstrap_fewshot`)."""
    return next(
        (one for one in optimizer_types().values() if _plain(name) in map(_plain, (one.name, *one.aliases))),
        None,
    )


def type_problem(name: str, *, path: str) -> Problem:
    """What is wrong with the name of an optimizer that there is not."""
    known = optimizer_types()
    return Problem(path, f"{name!r:.60} is no optimizer{_nearest(name, known)}; known are {', '.join(known)}")


def config_problems(found: OptimizerType, config: Mapping[str, Any], *, path: str) -> list[Problem]:
    """All that is wrong with a configuration; what it leaves out is not, as it may be given later."""
    problems: list[Problem] = []
    for name, value in config.items():
        place, parameter = f"{path}.{name}", found.parameters.get(name)
        if name in found.refused:
            problems.append(Problem(place, f"refused: {found.refused[name]}"))
        elif parameter is None:
            known = _nearest(name, found.parameters) or f"; known are {', '.join(found.parameters)}"
            problems.append(Problem(place, f"{found.name} has no such parameter{known}"))
        elif (problem := parameter.problem_of(value)) is not None:
            problems.append(Problem(place, problem))
    return problems


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _read(raw: Mapping[str, Any]) -> OptimizerType:
    parameters = [
        OptimizerParameter(
            name=one["name"],
            kinds=tuple(one["kinds"]),
            options=tuple(one["options"]),
            required=one["required"],
            default=one["default"],
            doc=one["doc"],
        )
        for one in raw["parameters"]
    ]
    return OptimizerType(
        name=raw["name"],
        dspy_class=raw["class"],
        aliases=tuple(raw["aliases"]),
        doc=raw["doc"],
        models=tuple(raw["models"]),
        takes_teacher=raw["takes_teacher"],
        needs_metric=raw["needs_metric"],
        wants_feedback=raw["wants_feedback"],
        portable=raw["portable"],
        parameters={one.name: one for one in parameters},
        refused=raw["refused"],
    )


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _is_a(value: object, kind: str) -> bool:
    return isinstance(value, _FITS[kind]) and (kind == "bool" or not isinstance(value, bool))
