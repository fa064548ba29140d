"""Seeding: random numbers that come out the same when an optimisation is run again."""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, Final

import dspy

__all__ = ["seeded"]

_SEED_SETTING: Final = "dspash_seed"
_SOURCE_SETTING: Final = "dspash_random"
_optuna_home: Final[Any] = import_module("dspy.teleprompt.teleprompt_optuna")
_avatar_home: Final[Any] = import_module("dspy.teleprompt.avatar_optimizer")
_import_optuna: Final = _optuna_home._import_optuna  # noqa: SLF001  (the one place where an optimizer's Optuna can be reached)


@contextmanager
def seeded(seed: int) -> Generator[None]:
    """Seed what the optimizers draw from that take no seed and do not draw the same every time anyway.

    Each optimisation has a source of its own, so those that run at once draw what each would alone. The process's
    generators are left as they are: programs and metrics draw from them, in this call and in those beside it.
    """
    _optuna_home._import_optuna = _seeded_optuna  # noqa: SLF001
    _avatar_home.sample = _seeded_sample
    with dspy.context(**{_SEED_SETTING: seed, _SOURCE_SETTING: random.Random(seed)}):
        yield


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


def _seeded_sample(population: Sequence[Any], k: int) -> list[Any]:
    """Stand for `random.sample` in AvatarOptimizer, which offers no seed either."""
    source: random.Random | None = dspy.settings.get(_SOURCE_SETTING)
    return random.sample(population, k) if source is None else source.sample(population, k)
