"""Hostile frames against the host's reader: mutated ones without end, and the rules that must hold meanwhile.

A mutator makes frames from a seed; a trial is one worker whose peer sends some of them; a campaign is many trials beside
a worker whose peer behaves, which must notice nothing.
"""

from __future__ import annotations

from benchmarks.fuzz.campaign import Campaign, FuzzReport, run_campaign

__all__ = ["Campaign", "FuzzReport", "run_campaign"]
