"""Examples: data sets as requests carry them, as DSPy takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import dspy

from dspash_worker.definitions import Definition
from dspash_worker.refusal import invalid, invalid_value
from dspash_worker.wire_types import from_wire

__all__ = ["read_examples"]

_PRIVATE: Final = "_"


def read_examples(
    raw: object, definition: Definition, *, path: str, input_fields: object = None, may_be_empty: bool = False
) -> list[dspy.Example]:
    """Return the examples of a data set, their inputs told from their labels.

    Inputs are `input_fields` where given, else what `definition` takes; where that is not known, every field that
    does not begin with `_`. Raises FaultError naming the example that lacks an input.
    """
    if not isinstance(raw, list):
        raise invalid_value(path, "a list of examples", raw)
    if not raw and not may_be_empty:
        raise invalid(path, "there are no examples")
    names = _input_names(input_fields, definition)
    return [_read(item, names, definition, f"{path}[{index}]") for index, item in enumerate(raw)]


def _read(raw: object, names: frozenset[str] | None, definition: Definition, path: str) -> dspy.Example:
    if not isinstance(raw, Mapping):
        raise invalid_value(path, "an example (a map)", raw)
    inputs = {
        name: value
        for name, value in raw.items()
        if (not name.startswith(_PRIVATE) if names is None else name in names)
    }
    accepted = definition.inputs.accept(inputs, path=path)
    fields: dict[str, Any] = {name: from_wire(value, path=f"{path}.{name}") for name, value in raw.items()}
    return dspy.Example(**{**fields, **accepted}).with_inputs(*accepted)


def _input_names(raw: object, definition: Definition) -> frozenset[str] | None:
    if raw is None:
        return definition.inputs.names
    if not isinstance(raw, list) or not all(isinstance(name, str) for name in raw):
        raise invalid_value("$.input_fields", "a list of names", raw)
    return frozenset(raw)
