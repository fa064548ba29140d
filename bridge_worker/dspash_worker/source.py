"""Source: program text of the host's, compiled into a module of its own whose lines tracebacks and `inspect` can show."""

from __future__ import annotations

import itertools
import linecache
import sys
import threading
import types
from collections.abc import Mapping
from typing import Any, Final

from dspash_protocol import FaultError
from dspash_worker.refusal import invalid

__all__ = ["MAX_SOURCE", "compile_text", "forget_text", "load_module", "title_of_file"]

MAX_SOURCE: Final = 1_000_000
"""Characters of one source text."""

_numbers: Final = itertools.count(1)
_lock: Final = threading.Lock()
_titles: Final[dict[str, str]] = {}  # file name of a compiled text → what people call it


def compile_text(text: str, title: str, *, path: str, told: bool = True) -> types.CodeType:
    """Compile `text` once and for all. `title` is what tracebacks call it; without `told` they leave its frames out.

    Raises FaultError (invalid_input) with line and column of a syntax error; nothing has run by then.
    """
    if len(text) > MAX_SOURCE:
        raise invalid(path, f"{len(text)} characters are over the limit of {MAX_SOURCE}")
    file = f"<{title} #{next(_numbers)}>"
    try:
        code = compile(text, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise _invalid_syntax(error, path) from None
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise invalid(path, f"this is no Python source: {error}") from None
    with _lock:
        if told:
            _titles[file] = title
        # No modification time: linecache then never looks for such a file on disk.
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    return code


def load_module(
    text: str, title: str, names: Mapping[str, Any], *, path: str, told: bool = True
) -> types.ModuleType:
    """Run `text` as the body of a new module that begins with `names`, and return the module.

    It is registered in `sys.modules`, where pickling and `inspect` look for a class's home. Raises what the text
    raises; FaultError for a syntax error.
    """
    code = compile_text(text, title, path=path, told=told)
    module = types.ModuleType(f"dspash_source_{next(_numbers)}")
    module.__file__ = code.co_filename
    vars(module).update(names)
    sys.modules[module.__name__] = module
    try:
        exec(code, vars(module))  # noqa: S102  (running the host's program is what a worker is for)
    except BaseException:
        sys.modules.pop(module.__name__, None)
        forget_text(code.co_filename)
        raise
    return module


def forget_text(file: str) -> None:
    """Drop what was kept to show the lines of a text that is gone."""
    with _lock:
        _titles.pop(file, None)
        linecache.cache.pop(file, None)


def title_of_file(file: str) -> str | None:
    """Return what people call the text compiled under this file name; None for files that are no such text."""
    return _titles.get(file)


def _invalid_syntax(error: SyntaxError, path: str) -> FaultError:
    line, column = error.lineno or 1, error.offset or 1
    told: dict[str, Any] = {"line": line, "column": column}
    if error.text:
        told["text"] = error.text.rstrip("\n")[:200]
    return invalid(path, f"line {line}, column {column}: {error.msg}", **told)
