"""OptimizerTypes: the host's table of DSPy's optimizers, made from those that a worker runs and their real signatures."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any, Final

from optimizer_words import MEANINGS, PARAMETERS

from dspash_worker.optimizers import OPTIMIZERS, OptimizerType, Sizes
from dspash_worker.parameters import Parameter

__all__ = ["make_optimizer_types"]

_MANY: Final = Sizes(trainset=1000, valset=None, predictors=1)  # with which no default is cut to size

_INTRODUCTION: Final = """\
# Optimizers

Made by `scripts/generate` from the signatures of DSPy's own classes. [Records](../records.md) · [glossary](../glossary.md)

`dspash optimizers types` lists them, `dspash optimizers describe NAME` shows the parameters of one; in Python
`app.optimizers.types()` and `app.optimizers.describe(type="mipro_v2")`. A configuration is checked before any model is asked. Names
are taken in any case and spelling (`BootstrapFewShot`, `bootstrap_fewshot`). A model is given by its alias, or as a map
with its settings, such as `{"model": "strong", "temperature": 1.0}`; where none is given, the program's own is asked.
"""


def make_optimizer_types(table: Path, page: Path) -> dict[Path, str]:
    """The texts of the table and of the page that shows it. Raises KeyError for a parameter that has no words yet."""
    rows = [_row(found) for found in OPTIMIZERS.values()]
    text = json.dumps({"optimizers": rows}, ensure_ascii=False, indent=1) + "\n"
    return {table: text, page: _INTRODUCTION + "".join(map(_section, rows))}


def _row(found: OptimizerType) -> dict[str, Any]:
    own: Any = found.base or found.optimizer
    completed: dict[str, Any] = {}
    if found.complete is not None:
        found.complete(completed, _MANY)
    parameters = [_parameter(found, one, completed) for one in found.parameters().values()]
    everything = {
        *inspect.signature(found.optimizer.__init__).parameters,
        *inspect.signature(found.optimizer.compile).parameters,
        *inspect.signature(own.__init__).parameters,
    }
    return {
        "name": found.name,
        "class": found.optimizer.__name__.removeprefix("_"),
        "aliases": list(found.aliases),
        "doc": MEANINGS[found.name],
        "models": [
            *found.models,
            *(["teacher_settings"] if "teacher_settings" in found.parameters() else []),
        ],
        "takes_teacher": found.takes_teacher,
        "needs_metric": found.needs_metric,
        "wants_feedback": found.wants_feedback,
        "portable": found.portable,
        "parameters": parameters,
        "refused": {name: why for name, why in found.refused.items() if name in everything},
    }


def _parameter(found: OptimizerType, one: Parameter, completed: dict[str, Any]) -> dict[str, Any]:
    """One parameter; its default is what the worker completes a configuration with, or else DSPy's own."""
    default = None if one.name == "seed" else one.default  # a run has a seed, which goes first
    kinds = ["null" if kind is type(None) else kind.__name__ for kind in one.kinds]
    return {
        "name": one.name,
        "kinds": kinds,
        "options": list(one.options),
        "required": one.required and one.name not in completed,
        "default": completed.get(one.name, default),
        "doc": PARAMETERS.get(f"{found.name}.{one.name}") or PARAMETERS[one.name],
    }


def _section(row: dict[str, Any]) -> str:
    lines = [f"\n## {row['name']}", "", f"DSPy's `{row['class']}`. {row['doc']}", ""]
    lines += ["| parameter | takes | default | meaning |", "|---|---|---|---|"]
    for one in row["parameters"]:
        takes = [f"`{value}`" for value in map(json.dumps, one["options"])] + one["kinds"]
        default = "required" if one["required"] else f"`{json.dumps(one['default'])}`"
        lines.append(f"| `{one['name']}` | {' or '.join(takes) or 'any'} | {default} | {one['doc']} |")
    if row["refused"]:
        lines += [
            "",
            "Not taken: " + "; ".join(f"`{name}` ({why})" for name, why in row["refused"].items()) + ".",
        ]
    return "\n".join(lines) + "\n"
