"""Classes: the `dspy.Module` classes of others, found and looked at."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import dspy

from dspash_worker.refusal import invalid
from dspash_worker.tools import import_object

__all__ = [
    "callable_in_a_thread",
    "forward_of",
    "import_module_class",
    "named_predictors",
    "own_signature",
    "separate",
    "set_compiled",
    "takes_anything",
]


def import_module_class(place: str, *, path: str) -> type[dspy.Module]:
    """Return the class that `package.module:Class` names. Raises FaultError when it names none."""
    found = import_object(place, path=path)
    if not inspect.isclass(found) or not issubclass(found, dspy.Module):
        raise invalid(path, f"{place!r:.80} is no dspy.Module class")
    return found


def callable_in_a_thread(module: dspy.Module) -> dspy.Module:
    """Return `module` so that it can be called and awaited: one that has an `aforward` alone gets a `forward` too."""
    kind: Any = type(module)
    return module if hasattr(kind, "forward") or not hasattr(kind, "aforward") else dspy.syncify(module)


def takes_anything(function: Callable[..., Any]) -> bool:
    """Whether `function` has a `**` parameter, so that only itself can tell what fits."""
    parameters = inspect.signature(function).parameters.values()
    return any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)


def forward_of(module: dspy.Module) -> Any:
    """Return the function that runs `module`; not through the instance, where DSPy warns of whoever asks for it."""
    kind: Any = type(module)
    return getattr(kind, "forward", None) or kind.aforward


def named_predictors(module: dspy.Module) -> list[tuple[str, Any]]:
    """Return the predictors of `module` by their path in it."""
    return list(module.named_predictors())


def own_signature(predictor: Any) -> None:
    """Give `predictor` a signature class of its own: copies of a predictor share one, and some optimizers write to it."""
    predictor.signature = predictor.signature.with_instructions(predictor.signature.instructions)


def separate(module: dspy.Module) -> dspy.Module:
    """Return a copy of `module` that shares nothing with it that anybody writes to."""
    copied = module.deepcopy()
    for _, predictor in named_predictors(copied):
        own_signature(predictor)
    return copied


def set_compiled(module: dspy.Module, *, compiled: bool) -> None:
    """Mark `module` as improved or not, as DSPy's optimizers do: a part so marked is left out of a program's state."""
    module._compiled = compiled  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (the mark has no other name)
