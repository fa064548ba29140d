"""Module names: where in a program each of its modules stands."""

from __future__ import annotations

import threading
import weakref
from typing import Any, Final, TypeAlias

import dspy

__all__ = ["name_within"]

_Names: TypeAlias = dict[
    int, tuple["weakref.ref[Any]", str]
]  # by identity, which another object may have later

_known: Final[weakref.WeakKeyDictionary[dspy.Module, _Names]] = weakref.WeakKeyDictionary()
_lock: Final = threading.Lock()


def name_within(program: dspy.Module, module: object) -> str:
    """Return the attribute path of `module` in `program`, such as `hops[0].predict`; empty for a module that is not
    part of it, or was not when it first ran.
    """
    with _lock:
        names = _known.get(program)
        if names is None:
            names = _known[program] = _names_in(program)
    found = names.get(id(module))
    return found[1] if found is not None and found[0]() is module else ""


def _names_in(program: dspy.Module) -> _Names:
    return {
        id(part): (weakref.ref(part), path.removeprefix("self").removeprefix("."))
        for path, part in program.named_sub_modules()
    }
