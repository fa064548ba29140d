"""Inputs: what a module or program may be called with, checked all at once before it runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pydantic

from dspash_protocol.signature import InputCheck, Problem, SignatureSpec, Type, closest
from dspash_worker.refusal import invalid_inputs
from dspash_worker.signatures.annotations import (
    annotation_of,
    media_built,
    needs_building,
    without_shadow_warnings,
)
from dspash_worker.wire_types import from_wire

__all__ = ["AnyInputs", "Inputs", "NamedInputs", "SignatureInputs", "inputs_of_function"]


class Inputs(Protocol):
    """What is known of the inputs before a run."""

    @property
    def names(self) -> frozenset[str] | None:
        """The inputs there are; None when anything goes."""
        ...

    def accept(self, given: object, *, path: str = "$.inputs") -> dict[str, Any]:
        """Return the inputs as DSPy takes them. Raises FaultError naming everything missing, unknown and mistyped."""
        ...


@dataclass(frozen=True)
class SignatureInputs:
    """The inputs of a signature; `also` are those that a module needs besides."""

    spec: SignatureSpec
    also: frozenset[str] = frozenset()
    _builders: Mapping[str, tuple[Type, pydantic.TypeAdapter[Any]]] = field(
        init=False, repr=False, compare=False
    )
    _check: InputCheck = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        with without_shadow_warnings():
            builders = {
                part.name: (part.type, pydantic.TypeAdapter(annotation_of(part.type, name=part.name)))
                for part in self.spec.inputs
                if needs_building(part.type)
            }
        object.__setattr__(self, "_builders", builders)
        object.__setattr__(self, "_check", InputCheck(self.spec, also=self.also))

    @property
    def names(self) -> frozenset[str] | None:
        return frozenset(part.name for part in self.spec.inputs) | self.also

    def accept(self, given: object, *, path: str = "$.inputs") -> dict[str, Any]:
        problems = self._check.problems(given, path=path)
        if isinstance(given, Mapping):
            problems += [Problem(f"{path}.{name}", "missing") for name in sorted(self.also - given.keys())]
        if problems or not isinstance(given, Mapping):
            raise invalid_inputs(problems)
        inputs: dict[str, Any] = _from_wire(given, path)
        for name, (type_, builder) in self._builders.items():
            if inputs.get(name) is not None:
                inputs[name] = _build(type_, builder, inputs[name], f"{path}.{name}")
        return inputs


@dataclass(frozen=True)
class NamedInputs:
    """Inputs known by name alone; `known` is None where further ones are taken as well."""

    required: frozenset[str]
    known: frozenset[str] | None

    @property
    def names(self) -> frozenset[str] | None:
        return self.known if self.known is not None else (self.required or None)

    def accept(self, given: object, *, path: str = "$.inputs") -> dict[str, Any]:
        inputs = _map(given, path)
        problems = [Problem(f"{path}.{name}", "missing") for name in sorted(self.required - inputs.keys())]
        if self.known is not None:
            problems += [_unknown(path, name, self.known) for name in inputs if name not in self.known]
        if problems:
            raise invalid_inputs(problems)
        return _from_wire(inputs, path)


@dataclass(frozen=True)
class AnyInputs:
    """Nothing is known: whatever is given is passed on."""

    @property
    def names(self) -> frozenset[str] | None:
        return None

    def accept(self, given: object, *, path: str = "$.inputs") -> dict[str, Any]:
        return _from_wire(_map(given, path), path)


def inputs_of_function(function: Any) -> Inputs:
    """Return what `function` can be called with by name, from its signature."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return AnyInputs()
    kinds = {parameter.kind for parameter in parameters}
    named = [
        parameter
        for parameter in parameters
        if parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        and parameter.name != "self"
    ]
    required = frozenset(
        parameter.name for parameter in named if parameter.default is inspect.Parameter.empty
    )
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return NamedInputs(required, None) if required else AnyInputs()
    return NamedInputs(required, frozenset(parameter.name for parameter in named))


def _map(given: object, path: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        kind = "missing" if given is None else type(given).__name__
        raise invalid_inputs([Problem(path, f"a map of fields is wanted, this is {kind}")])
    return given


def _from_wire(given: Mapping[str, Any], path: str) -> dict[str, Any]:
    return {name: from_wire(value, path=f"{path}.{name}") for name, value in given.items()}


def _build(type_: Type, builder: pydantic.TypeAdapter[Any], value: Any, path: str) -> Any:
    try:
        return builder.validate_python(media_built(type_, value))
    except pydantic.ValidationError as error:
        told = error.errors(include_url=False, include_input=False)
        raise invalid_inputs([Problem(path + _steps(one["loc"]), one["msg"]) for one in told]) from None
    except (ValueError, TypeError) as error:
        raise invalid_inputs([Problem(path, str(error))]) from None


def _steps(place: tuple[int | str, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)


def _unknown(path: str, name: str, known: Iterable[str]) -> Problem:
    names = sorted(known)
    return Problem(
        f"{path}.{name}", f"unknown; {closest(name, names) or 'known are ' + (', '.join(names) or 'none')}"
    )
