"""The soak: thousands of sandboxed calls, many of which do their worst, and each with the outcome that it must have."""

from __future__ import annotations

from benchmarks.soak.deeds import DEEDS, Deed
from benchmarks.soak.run import Soak, SoakReport, run_soak

__all__ = ["DEEDS", "Deed", "Soak", "SoakReport", "run_soak"]
