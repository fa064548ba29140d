"""Run: hosts that are killed one after the other, and what became of what they had acknowledged."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.kills.account import settle
from benchmarks.kills.life import live
from benchmarks.kills.told import Told

__all__ = ["Kills", "KillsReport", "run_kills"]

_MOST_LINES: Final = 60
"""What a host tells at most before its kill is due: a second or two of work."""


@dataclass(frozen=True, slots=True)
class Kills:
    """So many hosts, each killed at a moment that the seed draws, on the database at this path or URL."""

    database: str
    hosts: int
    seed: int = 1


@dataclass(frozen=True, slots=True)
class KillsReport:
    """`wrong` is empty when every rule held. `ends` counts runs by the state they are in at last."""

    hosts: int
    seconds: float
    acknowledged: int
    ends: dict[str, int]
    wrong: list[str]


def run_kills(kills: Kills, *, on_host: Callable[[int], None] | None = None) -> KillsReport:
    """Start them, kill them, and settle after each. `on_host` is told the number of every host before it starts."""
    began = time.monotonic()
    draw = random.Random(kills.seed)
    told = Told()
    wrong: list[str] = []
    ends: Counter[str] = Counter()
    for number in range(kills.hosts):
        if on_host is not None:
            on_host(number)
        wrong += live(f"host {number}", kills.database, told, lines=draw.randint(1, _MOST_LINES))
        found, ends = settle(kills.database, told)
        wrong += [f"after host {number}: {one}" for one in found]
    return KillsReport(kills.hosts, time.monotonic() - began, told.count, dict(ends), wrong)
