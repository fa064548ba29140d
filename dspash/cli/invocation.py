"""Invocation: what holds for one run of `dspash`, whichever command it is."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dspash.settings import LoadedSettings

__all__ = ["Invocation", "current", "entered"]


@dataclass(slots=True)
class Invocation:
    """`debug`: errors show tracebacks and what the worker said. `as_json`: stdout is JSON, for programs."""

    debug: bool = False
    as_json: bool = False

    def settings(self, **options: Any) -> LoadedSettings:
        """The settings that hold here; `options` are those of the command that were given. Raises ConfigurationError."""
        from dspash.settings import load_settings

        return load_settings(options=options)


_CURRENT: ContextVar[Invocation] = ContextVar("dspash_invocation")


def entered() -> Invocation:
    """A new one, which `current` gives from now on."""
    invocation = Invocation()
    _CURRENT.set(invocation)
    return invocation


def current() -> Invocation:
    """The one that this command belongs to."""
    return _CURRENT.get()
