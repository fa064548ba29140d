"""Arithmetic: the value of an expression of numbers that stands in a text."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable
from typing import Final

__all__ = ["compute"]

_EXPRESSION: Final = re.compile(r"(?<![\w.])[-(]{0,8}\d[\d\s.+\-*/()^%×÷]{1,80}(?<=[\d)])(?!\w)")
_OPERATOR: Final = re.compile(r"\d[\s)]*[+\-*/^%×÷]")
_WORDED: Final = {" plus ": "+", " minus ": "-", " times ": "*", " multiplied by ": "*", " divided by ": "/"}
_BINARY: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.Pow: math.pow,
}
_LONGEST: Final = 4000
"""Characters of a text that are looked through."""
_DATE_LIKE: Final = re.compile(r"^\d{1,4}[-/]\d{1,2}([-/]\d{1,4})?$|^\d{4}\s*-\s*\d{2,4}$")


def compute(text: str) -> str | None:
    """The value of the first expression in `text`, as digits; None when there is none, or it has no value."""
    for word, sign in _WORDED.items():
        text = text.replace(word, sign)
    match = next((m for m in _EXPRESSION.finditer(text[:_LONGEST]) if _OPERATOR.search(m.group())), None)
    if match is None or _DATE_LIKE.match(match.group().strip()):
        return None
    expression = match.group().replace("^", "**").replace("×", "*").replace("÷", "/").strip()
    try:
        value = _value(ast.parse(expression, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError):
        return None
    if not math.isfinite(value):
        return None
    return str(int(value)) if value == int(value) else f"{value:.10g}"


def _value(node: ast.expr) -> float:
    """Evaluate numbers, signs and the operators above; anything else is a ValueError."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            first, second = _value(left), _value(right)
            return _BINARY[type(op)](first, second)
        case _:
            raise ValueError(f"{type(node).__name__} is no arithmetic")
