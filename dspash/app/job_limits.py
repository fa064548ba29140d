"""Job limits: what a call that runs a program many times may use."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dspash.sandbox import Limits

__all__ = ["RUNS_AN_EXAMPLE", "limits_of_job"]

RUNS_AN_EXAMPLE: Final = 50
"""How often an optimizer may run a program on each of its examples, before it needs limits of its own."""

FRAME_MB: Final = 16  # a job answers with all its predictions, or all that it has learned, at once


def limits_of_job(limits: Limits, runs: int) -> Limits:
    """The limits of one run, for `runs` of them in one call.

    What is used up counts for each run: time, messages, budgets. What is held at a time (memory, threads, files) stays.
    """
    return replace(
        limits,
        cpu_s=limits.cpu_s * runs,
        wall_s=limits.wall_s * runs,
        total_s=limits.total_s * runs,
        frames=limits.frames * runs,
        frame_mb=max(limits.frame_mb, FRAME_MB),
        output_mb=min(limits.output_mb * runs, limits.output_mb * 64),
        lm_calls=_times(limits.lm_calls, runs),
        lm_tokens=_times(limits.lm_tokens, runs),
        tool_calls=_times(limits.tool_calls, runs),
    )


def _times(budget: int | None, runs: int) -> int | None:
    return None if budget is None else budget * runs
