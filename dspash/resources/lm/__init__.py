"""The gateway's keeping: its calls, cached answers and journals on their way into the store, and what they come to."""

from __future__ import annotations

from dspash.resources.lm.usage import GROUPINGS, Grouping, LMUsage, usage_of

__all__ = ["GROUPINGS", "Grouping", "LMUsage", "usage_of"]
