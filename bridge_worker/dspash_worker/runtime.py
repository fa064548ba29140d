"""Runtime: DSPy as a worker runs it, set up once for the whole process."""

from __future__ import annotations

import functools
import os
from typing import Any, Final

# Read when DSPy first prices or prints something: without them it fetches a price map over the network, which a
# worker does not have, and draws progress bars where nobody looks.
_ENVIRONMENT: Final = {"LITELLM_LOCAL_MODEL_COST_MAP": "true", "TQDM_DISABLE": "1"}
for _name, _value in _ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

import dspy  # noqa: E402
from dspy.utils.parallelizer import ParallelExecutor  # noqa: E402

__all__ = ["prepare"]

MANY_STREAMS: Final = 1024
"""Programs that may stream at once: DSPy shares one limiter between event loops, which must never make one wait."""


def prepare(lm: dspy.LM | None) -> None:
    """Set DSPy's process-wide settings. The calling thread owns `dspy.configure` from then on; calls use contexts.

    Caches are off: the gateway has one, and a worker's memory is not the place. So are the histories, which grow with
    every call; a worker keeps a bounded one of its own.
    """
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    dspy.configure(lm=lm, adapter=None, disable_history=True, async_max_workers=MANY_STREAMS)
    _never_resubmit()
    if not hasattr(dspy, "TypedPredictor"):
        # Avatar and AvatarOptimizer still name it; what it did is what Predict does now.
        setattr(dspy, "TypedPredictor", dspy.Predict)  # noqa: B010  (it is no attribute that a type checker knows)


def _never_resubmit() -> None:
    """Take away the executor's second attempt at slow items: it would pay twice for the same LM calls."""
    construct = ParallelExecutor.__init__
    if hasattr(construct, "__wrapped__"):
        return

    @functools.wraps(construct)
    def construct_patiently(executor: Any, *args: Any, **options: Any) -> None:
        construct(executor, *args, **options)
        executor.timeout = 0

    ParallelExecutor.__init__ = construct_patiently  # type: ignore[method-assign]
