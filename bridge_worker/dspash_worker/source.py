"""Source: program text of the host's, compiled into a module of its own whose lines tracebacks and `inspect` can show."""

from __future__ import annotations

import itertools
import linecache
import sys
import types
import weakref
from collections.abc import Mapping
from typing import Any, Final

from dspash_protocol import FaultError
from dspash_worker.refusal import invalid

__all__ = ["MAX_SOURCE", "compile_text", "load_module", "title_of_file"]

MAX_SOURCE: Final = 1_000_000
"""Characters of one source text."""

_numbers: Final = itertools.count(1)
_titles: Final[dict[str, str]] = {}  # file name of a compiled text → what people call it


def compile_text(text: str, title: str, *, path: str, told: bool = True) -> types.CodeType:
    """Compile `text`. `title` is what tracebacks call it; without `told` they leave its frames out.

    Its lines are kept as long as the code object is. Raises FaultError (invalid_input) with line and column of a
    syntax error; nothing has run by then.
    """
    code = _compile(text, title, path)
    _keep_lines(code, text, code.co_filename, title if told else None)
    return code


def load_module(
    text: str, title: str, names: Mapping[str, Any], *, path: str, told: bool = True
) -> Mapping[str, Any]:
    """Run `text` as the body of a new module that begins with `names`, and return what it then has.

    `sys.modules` knows the module while anything of it lives, for `inspect` and pickle. Raises what the text raises;
    FaultError for a syntax error.
    """
    code = _compile(text, title, path)
    module = types.ModuleType(f"dspash_source_{next(_numbers)}")
    module.__file__ = code.co_filename
    namespace = vars(module)
    namespace.update(names)
    life = namespace[_LIFE] = _Life(namespace)  # whoever has a function or class of the module has this too
    _keep_lines(life, text, code.co_filename, title if told else None)
    weakref.finalize(life, sys.modules.pop, module.__name__, None)
    sys.modules[module.__name__] = module  # dataclasses and pydantic look here while their classes are made
    try:
        exec(code, namespace)  # noqa: S102  (running the host's program is what a worker is for)
    finally:
        sys.modules[module.__name__] = _Shadow(module, life)
    return namespace


def title_of_file(file: str) -> str | None:
    """Return what people call the text compiled under this file name; None for files that are no such text."""
    return _titles.get(file)


_LIFE: Final = "__dspash_life__"


class _Life:
    """Lives as long as its namespace does: a dict cannot be watched, this can."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace


class _Shadow(types.ModuleType):
    """Stands for a module in `sys.modules` without keeping it alive."""

    def __init__(self, module: types.ModuleType, life: _Life) -> None:
        super().__init__(module.__name__)
        self.__file__ = module.__file__
        self._life = weakref.ref(life)

    def __getattr__(self, name: str) -> Any:
        life = self._life()
        if life is None or name not in life.namespace:
            raise AttributeError(name)
        return life.namespace[name]


def _compile(text: str, title: str, path: str) -> types.CodeType:
    if len(text) > MAX_SOURCE:
        raise invalid(path, f"{len(text)} characters are over the limit of {MAX_SOURCE}")
    try:
        return compile(text, f"<{title} #{next(_numbers)}>", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise _invalid_syntax(error, path) from None
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise invalid(path, f"this is no Python source: {error}") from None


def _keep_lines(owner: object, text: str, file: str, title: str | None) -> None:
    """Let tracebacks and `inspect` see the lines of `file` as long as `owner` lives."""
    if title is not None:
        _titles[file] = title
    # No modification time: linecache then never looks for such a file on disk.
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    weakref.finalize(owner, _forget_lines, file)


def _forget_lines(file: str) -> None:
    _titles.pop(file, None)
    linecache.cache.pop(file, None)


def _invalid_syntax(error: SyntaxError, path: str) -> FaultError:
    line, column = error.lineno or 1, error.offset or 1
    told: dict[str, Any] = {"line": line, "column": column}
    if error.text:
        told["text"] = error.text.rstrip("\n")[:200]
    return invalid(path, f"line {line}, column {column}: {error.msg}", **told)
