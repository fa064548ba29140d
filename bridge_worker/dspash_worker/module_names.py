"""Module names: where in a program each of its modules stands."""

from __future__ import annotations

import threading
import weakref
from typing import Any, Final, TypeAlias

import dspy

__all__ = ["ModuleNames", "names_within"]

ModuleNames: TypeAlias = dict[int, tuple["weakref.ref[Any]", str]]
"""Attribute paths by the identity of the module, which is the reference's: another object may have it later."""

_known: Final[weakref.WeakKeyDictionary[dspy.Module, ModuleNames]] = weakref.WeakKeyDictionary()
_lock: Final = threading.Lock()


def names_within(program: dspy.Module) -> ModuleNames:
    """Return the attribute path of every module in `program`, such as `hops[0].predict`, as it was when it first ran."""
    with _lock:
        names = _known.get(program)
        if names is None:
            names = _known[program] = _names_in(program)
    return names


def _names_in(program: dspy.Module) -> ModuleNames:
    return {
        id(part): (weakref.ref(part), path.removeprefix("self").removeprefix("."))
        for path, part in program.named_sub_modules()
    }
