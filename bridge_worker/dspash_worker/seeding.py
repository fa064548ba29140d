"""Seeding: random numbers that come out the same when an optimisation is run again."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, Final

import dspy

__all__ = ["seeded"]

_SEED_SETTING: Final = "dspash_seed"
_lock: Final = threading.Lock()
_home: Final[Any] = import_module("dspy.teleprompt.teleprompt_optuna")
_import_optuna: Final = _home._import_optuna  # noqa: SLF001  (the one place where an optimizer's Optuna can be reached)


@contextmanager
def seeded(seed: int) -> Generator[None]:
    """Seed what DSPy's optimizers draw from: Python's and numpy's shared generators, and Optuna's sampler.

    The shared generators are the process's: two optimisations at once in one worker disturb each other's.
    """
    numpy: Any = sys.modules.get("numpy")
    with _lock:
        before = random.getstate()
        random.seed(seed)
        numpy_before = numpy.random.get_state() if numpy is not None else None
        if numpy is not None:
            numpy.random.seed(seed % 2**32)
        _home._import_optuna = _seeded_optuna  # noqa: SLF001
    try:
        with dspy.context(**{_SEED_SETTING: seed}):
            yield
    finally:
        with _lock:
            random.setstate(before)
            if numpy is not None:
                numpy.random.set_state(numpy_before)


class _SeededOptuna:
    """Optuna as BootstrapFewShotWithOptuna uses it, which offers no seed: its studies get a seeded sampler."""

    def __init__(self, optuna: ModuleType, seed: int) -> None:
        self._optuna: Any = optuna
        self._seed = seed

    def create_study(self, **options: Any) -> Any:
        sampler = self._optuna.samplers.TPESampler(seed=self._seed)
        return self._optuna.create_study(sampler=sampler, **options)


def _seeded_optuna() -> Any:
    optuna = _import_optuna()
    seed = dspy.settings.get(_SEED_SETTING)
    return optuna if seed is None else _SeededOptuna(optuna, seed)
