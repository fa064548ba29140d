"""Program settings: what programs say by `dspy.configure`, which holds for their own calls and for nobody else's.

DSPy has one configuration for a process, and one thread that may change it. A worker runs many programs in many threads:
what the text of a program says while it is loaded holds in all calls of that program, what it says in a call until the
`with dspy.context(…)` around it ends, or the call.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

import dspy
from dspy.dsp.utils.settings import thread_local_overrides

from dspash_worker.current import CALL_SETTING

__all__ = ["hear_settings", "import_module", "let_programs_configure"]

_SAID_SETTING: Final = "dspash_said"
_of_modules: Final[
    dict[str, Mapping[str, Any]]
] = {}  # Python runs a module once; its programs may be defined often


@functools.cache
def let_programs_configure() -> None:
    """Have `dspy.configure` do what this module is about, wherever a call runs; everywhere else it stays DSPy's."""
    kind: Any = type(dspy.settings)
    configure = kind.configure

    @functools.wraps(configure)
    def configure_call(settings: Any, **said: Any) -> None:
        if CALL_SETTING in thread_local_overrides.get():
            _say(said)
        else:
            configure(settings, **said)

    kind.configure = configure_call
    dspy.configure = dspy.settings.configure


@contextmanager
def hear_settings() -> Generator[dict[str, Any]]:
    """Collect what is said inside, which holds no longer than that; whoever listens around this hears it as well."""
    said: dict[str, Any] = {}
    with dspy.context(**{_SAID_SETTING: said}):
        yield said
    _tell(said)


def import_module(name: str) -> ModuleType:
    """Import a module. What it says on being imported is said to each who imports it."""
    with hear_settings() as said:
        module = importlib.import_module(name)
    if said:
        _of_modules[name] = said
    else:
        _tell(_of_modules.get(name, {}))
    return module


def _say(said: Mapping[str, Any]) -> None:
    overrides: Any = thread_local_overrides.get()
    thread_local_overrides.set(type(overrides)({**overrides, **said}))
    _tell(said)


def _tell(said: Mapping[str, Any]) -> None:
    listener = dspy.settings.get(_SAID_SETTING)
    if listener is not None:
        listener.update(said)
