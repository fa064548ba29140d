"""Coders: code interpreters side by side: those of DSPy, dspash's, and one that runs a Python of its own."""

from __future__ import annotations

from benchmarks.coders.run import CodersRun, run_coders

__all__ = ["CodersRun", "run_coders"]
