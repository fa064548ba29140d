"""Trials: SIMBA's runs of its candidates, gathered to what each candidate has scored; SIMBA itself tells of none."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

import dspy

from dspash_worker.candidates import Candidates
from dspash_worker.learned import learned_state

__all__ = ["Trials", "gathering_trials"]

_TRIALS_SETTING: Final = "dspash_trials"
_simba_home: Final[Any] = import_module("dspy.teleprompt.simba")
_wrap_program: Final[Callable[[Any, Any], Callable[[Any], dict[str, Any]]]] = _simba_home.wrap_program


@dataclass(eq=False)
class _Trial:
    """One program's runs on some examples: how many there are to be, and what those scored that are done."""

    program: dspy.Module
    runs: int = 0
    scores: list[float] = field(default_factory=list[float])


class Trials:
    """Gathers the runs of one optimisation. Thread-safe.

    SIMBA prepares all runs of a batch before the first begins, program by program, and they end in any order. What is told
    keeps to the order in which they were prepared, so that it does not depend on threads.
    """

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates
        self._lock = threading.Lock()
        self._open: deque[_Trial] = deque()
        self._index: list[int] = []  # by SIMBA's number of a candidate, which begins with 1

    def wrap(self, program: dspy.Module, metric: Any) -> Callable[[Any], dict[str, Any]]:
        """Prepare one run, as SIMBA would, that notes its score."""
        run = _wrap_program(program, metric)
        with self._lock:
            if not self._open or self._open[-1].program is not program:
                self._open.append(_Trial(program))
            trial = self._open[-1]
            trial.runs += 1

        def noted(example: Any) -> dict[str, Any]:
            outcome = run(example)
            self._note(trial, float(outcome["score"]))
            return outcome

        return noted

    def _note(self, trial: _Trial, score: float) -> None:
        with self._lock:
            trial.scores.append(score)
            while self._open and len(self._open[0].scores) == self._open[0].runs:
                self._settle(self._open.popleft())

    def _settle(self, trial: _Trial) -> None:
        """Tell of a candidate. A program that is run once is none: those are where SIMBA looks for what to learn."""
        if trial.runs == 1:
            return
        origin = getattr(trial.program, "simba_idx", 0)  # copied with the program it was made from
        self._index.append(
            self._candidates.add(
                sum(trial.scores) / trial.runs,
                examples=trial.runs,
                state=lambda: learned_state(trial.program),
                parents=[self._index[origin - 1]] if 0 < origin <= len(self._index) else [],
            )
        )


@contextmanager
def gathering_trials(candidates: Candidates) -> Generator[None]:
    """Tell `candidates` of those that SIMBA tries inside the block."""
    _simba_home.wrap_program = _wrapped
    with dspy.context(**{_TRIALS_SETTING: Trials(candidates)}):
        yield


def _wrapped(program: dspy.Module, metric: Any) -> Callable[[Any], dict[str, Any]]:
    """Stand for `wrap_program` in SIMBA: as ever, but for optimisations that are gathered."""
    trials: Trials | None = dspy.settings.get(_TRIALS_SETTING)
    return _wrap_program(program, metric) if trials is None else trials.wrap(program, metric)
