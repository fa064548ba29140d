"""Kills: hosts that are SIGKILLed while they execute, and whether their database has all that they acknowledged."""

from __future__ import annotations

from benchmarks.kills.run import Kills, KillsReport, run_kills

__all__ = ["Kills", "KillsReport", "run_kills"]
