"""Namespace: what code has defined so far, and the running of more of it."""

from __future__ import annotations

import ast
import inspect
import sys
import types
from collections.abc import Mapping
from types import CodeType, TracebackType
from typing import Any, Final

__all__ = ["FILENAME", "Namespace", "line_in"]

FILENAME: Final = "<interpreter>"

_LAST: Final = "<last value>"  # no identifier, so no code can mean it
_FLAGS: Final = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


class Namespace:
    """The globals of all cells: a module called `__main__`, as scripts expect."""

    def __init__(self) -> None:
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        self._globals = module.__dict__

    def bind(self, values: Mapping[str, Any]) -> None:
        """Define names, or define them anew."""
        self._globals.update(values)

    def unbind(self, name: str) -> None:
        """Forget a name, if the code has not done so."""
        self._globals.pop(name, None)

    def run(self, code: str) -> Any:
        """Run a cell; return the value of the expression it ends with, or None.

        `await` may stand outside functions. Raises SyntaxError, ValueError, MemoryError or RecursionError for what
        cannot be compiled, and whatever the cell raises.
        """
        compiled = _compile(code)
        self._globals.pop(_LAST, None)
        if compiled.co_flags & inspect.CO_COROUTINE:
            import asyncio  # slow to import, and few cells need it

            asyncio.run(eval(compiled, self._globals))  # noqa: S307 - running code is what this process is for
        else:
            exec(compiled, self._globals)  # noqa: S102 - see above
        return self._globals.pop(_LAST, None)


def _compile(code: str) -> CodeType:
    """Compile a cell so that the value of its last expression is kept. Raises as Namespace.run says."""
    tree: ast.Module = compile(code, FILENAME, "exec", _FLAGS | ast.PyCF_ONLY_AST, dont_inherit=True)
    if tree.body and isinstance(last := tree.body[-1], ast.Expr):
        target = ast.copy_location(ast.Name(_LAST, ast.Store()), last)
        tree.body[-1] = ast.copy_location(ast.Assign([target], last.value), last)
    return compile(tree, FILENAME, "exec", _FLAGS, dont_inherit=True)


def line_in(trace: TracebackType | None) -> int | None:
    """The line of the cell that was running when an exception was raised; None when it was none of the cell's."""
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == FILENAME and code.co_name == "<module>":
            return trace.tb_lineno
        trace = trace.tb_next
    return None
