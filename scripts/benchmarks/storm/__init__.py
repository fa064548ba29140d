"""A seeded storm of faults against an open app, and the rules that must hold in it.

The plan says what will happen, step by step, from a seed alone; the crew carries it out; the ledger knows every call that
was made and how it ended; the residue is what a closed app left behind.
"""

from __future__ import annotations

from benchmarks.storm.plan import Plan, Weather
from benchmarks.storm.run import StormReport, run_storm

__all__ = ["Plan", "StormReport", "Weather", "run_storm"]
