"""Filters: conditions on records, compiled to SQL.

`{"status": "running", "score": {"gte": 0.5}, "name": {"like": "Bal%"}, "or": [{…}, {…}], "not": {…}}`. Each condition is
true or false, also of an attribute without a value: `not` turns one into the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Table, and_, false, not_, or_, true
from sqlalchemy.sql.operators import ge, gt, le, lt

from dspash.errors import InvalidInputError, Problem
from dspash.resources.kernel.attribute import DeclaredAttribute, Kind
from dspash.resources.kernel.described import FILTER_OPERATORS
from dspash.resources.kernel.resource import Declaration
from dspash.resources.persistence.problems import shown_key
from dspash.resources.persistence.storable import to_column

__all__ = ["compile_filter", "read_value"]

MAX_CONDITIONS: Final = 200
MAX_LEVELS: Final = 16
MAX_CHOICES: Final = 1000  # values of one `in`

_Condition = ColumnElement[bool]
_ORDERED: Final[dict[str, Callable[[Any, Any], Any]]] = {"lt": lt, "lte": le, "gt": gt, "gte": ge}


def compile_filter(
    declaration: Declaration, table: Table, conditions: object, *, path: str = "$.filter"
) -> _Condition:
    """The SQL condition. Raises InvalidInputError with every problem and its place."""
    compiler = _Compiler(declaration, table)
    compiled = compiler.all_of(conditions, path, level=1)
    if compiler.problems:
        raise InvalidInputError.of(compiler.problems)
    return compiled


def read_value(attribute: DeclaredAttribute, value: object, path: str, problems: list[Problem]) -> Any:
    """A value to compare the attribute with, as its column keeps it; None, and a problem, if it is none."""
    try:
        read = attribute.adapter.validate_python(value)
    except ValidationError as error:
        problems.append(Problem(path, error.errors(include_url=False, include_input=False)[0]["msg"]))
        return None
    found: list[Problem] = []
    kept = to_column(attribute, read, found)
    problems += [Problem(path, problem.message) for problem in found]
    return kept


class _Compiler:
    """One filter on its way to SQL; `problems` grows."""

    def __init__(self, declaration: Declaration, table: Table) -> None:
        self.problems: list[Problem] = []
        self._declaration = declaration
        self._table = table
        self._left = MAX_CONDITIONS

    def all_of(self, conditions: object, path: str, *, level: int) -> _Condition:
        if not isinstance(conditions, Mapping):
            return self._problem(path, 'is no filter; give a dict such as {"name": "…"}')
        if level > MAX_LEVELS:
            return self._problem(path, f"is nested more than {MAX_LEVELS} levels deep")
        parts: list[_Condition] = []
        for key, value in cast("Mapping[Any, Any]", conditions).items():
            self._left -= 1
            if self._left < 0:
                return self._problem(path, f"has more than {MAX_CONDITIONS} conditions")
            place = f"{path}.{shown_key(key)}"
            if key == "not":
                parts.append(not_(self.all_of(value, place, level=level + 1)))
            elif key in {"and", "or"}:
                parts.append(self._several(key, value, place, level))
            else:
                parts.append(self._attribute(key, value, place))
        return and_(true(), *parts)

    def _several(self, key: str, value: object, path: str, level: int) -> _Condition:
        if not isinstance(value, (list, tuple)) or not value:
            return self._problem(path, "needs a list of filters")
        alternatives = [
            self.all_of(item, f"{path}[{index}]", level=level + 1)
            for index, item in enumerate(cast("list[object]", value))
        ]
        return or_(false(), *alternatives) if key == "or" else and_(true(), *alternatives)

    def _attribute(self, name: object, value: object, path: str) -> _Condition:
        attribute = self._declaration.attributes.get(name) if isinstance(name, str) else None
        if attribute is None:
            known = ", ".join(self._declaration.attributes)
            return self._problem(path, f"{self._declaration.name} has no such attribute; it has {known}")
        if attribute.spec.sensitive:
            return self._problem(path, "is sensitive, and no filter may look into it")
        if not isinstance(value, Mapping):
            value = {"eq": value}
        comparisons = cast("Mapping[Any, object]", value).items()
        return and_(true(), *(self._compare(attribute, word, right, path) for word, right in comparisons))

    def _compare(self, attribute: DeclaredAttribute, word: object, right: object, path: str) -> _Condition:
        column = self._table.c[attribute.name]
        place = f"{path}.{shown_key(word)}"
        if word not in FILTER_OPERATORS:
            return self._problem(place, f"is no comparison; there are {', '.join(FILTER_OPERATORS)}")
        if word == "is_null" or (word in {"eq", "ne"} and right is None):
            wanted = (word == "eq") if right is None else right
            if not isinstance(wanted, bool):
                return self._problem(place, "needs true or false")
            return column.is_(None) if wanted else column.is_not(None)
        if not attribute.is_comparable:
            return self._problem(place, f"cannot compare {attribute.kind} values; only is_null can be asked")
        if word == "in":
            return self._known(attribute, self._one_of(attribute, column, right, place))
        if word == "like":
            return self._known(attribute, self._like(attribute, column, right, place))
        if word in _ORDERED and attribute.kind is Kind.BOOLEAN:
            return self._problem(place, "cannot order true and false")
        value = read_value(attribute, right, place, self.problems)
        if value is None:
            return false()
        if word in _ORDERED:
            return self._known(attribute, _ORDERED[cast("str", word)](column, value))
        same = self._known(attribute, column == value)
        return not_(same) if word == "ne" else same

    def _one_of(self, attribute: DeclaredAttribute, column: Any, choices: object, path: str) -> _Condition:
        if not isinstance(choices, (list, tuple)) or len(cast("list[object]", choices)) > MAX_CHOICES:
            return self._problem(path, f"needs a list of {MAX_CHOICES} values at most")
        listed = enumerate(cast("list[object]", choices))
        read = [read_value(attribute, one, f"{path}[{index}]", self.problems) for index, one in listed]
        return column.in_(read) if read else false()

    def _like(self, attribute: DeclaredAttribute, column: Any, pattern: object, path: str) -> _Condition:
        if attribute.kind is not Kind.TEXT:
            return self._problem(path, f"cannot match {attribute.kind} values")
        if not isinstance(pattern, str):
            return self._problem(path, "needs a text, in which % stands for any text and _ for one character")
        if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
            return self._problem(path, r"ends with a lone backslash; write \\ for one that is meant")
        problems = len(self.problems)
        to_column(attribute, pattern, self.problems)
        self.problems[problems:] = [Problem(path, found.message) for found in self.problems[problems:]]
        return column.like(pattern, escape="\\")

    def _known(self, attribute: DeclaredAttribute, condition: Any) -> _Condition:
        """The condition, false where the attribute has no value."""
        return (
            and_(self._table.c[attribute.name].is_not(None), condition) if attribute.nullable else condition
        )

    def _problem(self, path: str, message: str) -> _Condition:
        self.problems.append(Problem(path, message))
        return false()
