"""Runtime: DSPy as a worker runs it, set up once for the whole process."""

from __future__ import annotations

import functools
import importlib
import logging
from typing import Any, Final

import dspy
from dspy.utils.parallelizer import ParallelExecutor

from dspash_worker.observations import observe_as_faults_do
from dspash_worker.program_settings import let_programs_configure
from dspash_worker.remembering import remember

__all__ = ["prepare", "set_up"]

_LATE_MODULES: Final = ("dspy.clients.execution", "dspy.clients.engines.streaming")
"""What DSPy imports at the first LM call, where two threads at once may meet in a half-made module."""

MANY_STREAMS: Final = 1024
"""Programs that may stream at once: DSPy shares one limiter between event loops, which must never make one wait."""


def prepare(lm: dspy.LM | None) -> None:
    """Set DSPy's process-wide settings. The calling thread owns `dspy.configure` from then on; calls use contexts.

    Histories are off, which grow with every call; a worker keeps a bounded one of its own.
    """
    set_up()
    dspy.configure(lm=lm, adapter=None, disable_history=True, async_max_workers=MANY_STREAMS)


@functools.cache
def set_up() -> None:
    """Do what belongs to no thread, once: also for the processes that are forked from this one.

    Caches are off: the gateway has one, and a worker's memory is not the place.
    """
    for module in _LATE_MODULES:
        importlib.import_module(module)
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    logging.getLogger("dspy").setLevel(logging.WARNING)  # an optimizer's account of itself goes out as events
    _run_patiently()
    remember()
    observe_as_faults_do()
    let_programs_configure()
    if not hasattr(dspy, "TypedPredictor"):
        # Avatar and AvatarOptimizer still name it; what it did is what Predict does now.
        setattr(dspy, "TypedPredictor", dspy.Predict)  # noqa: B010  (it is no attribute that a type checker knows)


def _run_patiently() -> None:
    """Take away the executor's second attempt at slow items, which would pay twice for the same LM calls, and its
    progress bar, which nobody sees.
    """
    construct = ParallelExecutor.__init__
    if hasattr(construct, "__wrapped__"):
        return

    @functools.wraps(construct)
    def construct_patiently(executor: Any, *args: Any, **options: Any) -> None:
        construct(executor, *args, **options)
        executor.timeout = 0
        executor.disable_progress_bar = True

    ParallelExecutor.__init__ = construct_patiently  # type: ignore[method-assign]
