"""Remembering: what DSPy works out anew at every Predict and could never find different."""

from __future__ import annotations

import functools
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

from dspy.adapters import utils
from dspy.signatures.signature import SignatureMeta
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

__all__ = ["remember"]

MOST_ADAPTERS: Final = 512
"""Types whose adapters are kept; a program that makes types by the thousand loses only time."""


def remember() -> None:
    """Have DSPy keep pydantic's adapter of each type and the fields of each signature: a fifth of a short Predict.

    Both are functions of a class that nothing changes once it is made: DSPy's own changes make new signatures.
    """
    utils.TypeAdapter = _adapter_of
    SignatureMeta._get_fields_with_type = _fields_of  # noqa: SLF001  # type: ignore[method-assign]


def _adapter_of(kind: Any) -> TypeAdapter[Any]:
    try:
        return _kept_adapter(kind)
    except TypeError:  # an annotation that has no hash, or is no type: pydantic says which
        return TypeAdapter(kind)


@functools.lru_cache(MOST_ADAPTERS)
def _kept_adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


_Fields: TypeAlias = dict[str, FieldInfo]
_kept_fields: Final[WeakKeyDictionary[SignatureMeta, tuple[_Fields, dict[str, _Fields]]]] = (
    WeakKeyDictionary()
)


def _fields_of(signature: SignatureMeta, kind: str) -> _Fields:
    fields: _Fields = signature.__dict__["__pydantic_fields__"]  # what model_fields returns, after a detour
    kept = _kept_fields.get(signature)
    if kept is None or kept[0] is not fields:
        sides: dict[str, _Fields] = {"input": {}, "output": {}}
        for name, field in fields.items():
            extra: Any = field.json_schema_extra
            sides[extra["__dspy_field_type"]][name] = field
        kept = _kept_fields[signature] = (fields, sides)
    return kept[1][kind].copy()
