"""InputCheck: the inputs of one signature, checked often; what fits is told apart within a microsecond or two."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias, TypeGuard

from dspash_protocol.signature.check import Problem, check_inputs
from dspash_protocol.signature.types import (
    ANY,
    STR,
    ListOf,
    LiteralOf,
    MapOf,
    Scalar,
    ScalarName,
    SignatureSpec,
    Type,
    UnionOf,
)

__all__ = ["InputCheck"]

_Test: TypeAlias = Callable[[Any], bool]
"""True: the value certainly fits. False only means: look closer."""


class InputCheck:
    """Checks inputs against `spec`, as check_inputs does; made once, used for every call.

    `also` names further inputs that are taken beside the signature's.
    """

    __slots__ = ("_also", "_tests", "spec")

    def __init__(self, spec: SignatureSpec, *, also: Iterable[str] = ()) -> None:
        self.spec = spec
        self._also = frozenset(also)
        self._tests: tuple[tuple[str, _Test | None, bool], ...] = (
            *(
                (field.name, _test_of(field.type) if field.stated else None, field.required)
                for field in spec.inputs
            ),
            *((name, None, False) for name in self._also),
        )

    def __repr__(self) -> str:
        return f"<InputCheck {', '.join(name for name, _, _ in self._tests) or 'no inputs'}>"

    def problems(self, inputs: object, *, path: str = "$.inputs") -> list[Problem]:
        """Return what is wrong with `inputs`: everything missing, unknown and mistyped; empty when they fit."""
        if _is_dict(inputs) and self._fit(inputs):
            return []
        return check_inputs(self.spec, inputs, path=path, also=self._also)

    def _fit(self, inputs: dict[Any, Any]) -> bool:
        known = 0
        for name, test, required in self._tests:
            if name in inputs:
                known += 1
                if test is not None and not test(inputs[name]):
                    return False
            elif required:
                return False
        return known == len(inputs)


def _test_of(type_: Type) -> _Test | None:
    """Return the test for `type_`; None where any value fits."""
    match type_:
        case Scalar(name):
            return _SCALARS[name]
        case ListOf(item):
            return _list_test(_test_of(item))
        case MapOf(key, item) if key == STR:
            return _map_test(_test_of(item))
        case LiteralOf(values) if all(type(value) is str for value in values):
            options = frozenset(values)
            return lambda value: type(value) is str and value in options
        case UnionOf(members) if ANY not in members:
            tests = tuple(test for test in map(_test_of, members) if test is not None)
            return lambda value: any(test(value) for test in tests)
        case _:
            return _unsure


def _list_test(item: _Test | None) -> _Test:
    if item is None:
        return _is_list

    def test(value: Any) -> bool:
        return _is_list(value) and all(map(item, value))

    return test


def _map_test(item: _Test | None) -> _Test:
    def test(value: Any) -> bool:
        if not _is_dict(value) or not all(map(_is_str, value)):
            return False
        return item is None or all(map(item, value.values()))

    return test


def _is_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    return type(value) is dict


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return type(value) is list


def _is_str(value: Any) -> bool:
    return type(value) is str


def _is_int(value: Any) -> bool:
    return type(value) is int


def _is_float(value: Any) -> bool:
    return type(value) is float or type(value) is int


def _is_bool(value: Any) -> bool:
    return value is True or value is False


def _is_none(value: Any) -> bool:
    return value is None


def _unsure(_value: Any) -> bool:
    return False


_SCALARS: Final[dict[ScalarName, _Test | None]] = {
    ScalarName.STR: _is_str,
    ScalarName.INT: _is_int,
    ScalarName.FLOAT: _is_float,
    ScalarName.BOOL: _is_bool,
    ScalarName.ANY: None,
    ScalarName.NONE: _is_none,
}
