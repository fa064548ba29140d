"""Finding: pages of executions among a million."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.isolation.amounts import Measured
from benchmarks.samples import quantile, quantiles
from benchmarks.tracing.amounts import TraceAmounts
from benchmarks.tracing.made_up import PROGRAMS, execution
from dspash.resources import DOMAIN
from dspash.resources.kernel import Collection, Context, StoredScene
from dspash.resources.recording import Redaction
from dspash.resources.trace import Trace
from dspash.resources.tracing import row_of
from dspash.resources.tracing.table import traces_of
from dspash.store import Store

__all__ = ["measure_finding"]

_LOT: Final = 5_000
_PAGE: Final = 50
_PAGES_IN: Final = 5  # pages that are turned before the one that is timed, in every second look


def measure_finding(amounts: TraceAmounts, tell: Callable[[str], None]) -> Iterator[Measured]:
    """Lists with a filter, a sort and a page, each by an indexed attribute; `value` is the 95th percentile of them."""
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "traces.db") as store:
        scene = StoredScene(Context("bench", "bench", "bench"), domain=DOMAIN, store=store)
        _fill(scene, amounts.kept, tell)
        draw = random.Random(2)
        every: list[float] = []
        for name, look in _LOOKS.items():
            tell(f"looking for {name}")
            samples = [_timed(scene, look(draw), turns=number % 2) for number in range(amounts.looks)]
            every += samples
            told = quantiles(samples)
            yield Measured(f"{name}, among {amounts.kept:,}", told.p50, "s", told)
        yield Measured("list, p95 of all", quantile(sorted(every), 0.95), "s")


_Look = dict[str, Any]

_LOOKS: Final[dict[str, Callable[[random.Random], _Look]]] = {
    "the last of a program": lambda draw: {
        "filter": {"name": f"program-{draw.randrange(PROGRAMS)}"},
        "sort": "-created_at",
    },
    "the last that failed": lambda _draw: {"filter": {"status": "failed"}, "sort": "-created_at"},
    "the slowest": lambda _draw: {"filter": {"duration_s": {"gte": 2.0}}, "sort": "-duration_s"},
    "those of an hour": lambda draw: {
        "filter": {
            "created_at": {"gte": (_NOW - timedelta(seconds=draw.randrange(3_600, 900_000))).isoformat()}
        },
        "sort": "created_at",
    },
    "the last": lambda _draw: {"sort": "-created_at"},
}
_NOW: Final = datetime.now(UTC)


def _fill(scene: StoredScene, count: int, tell: Callable[[str], None]) -> None:
    draw, redaction, table = random.Random(1), Redaction(), traces_of(scene)
    for first in range(0, count, _LOT):
        tell(f"keeping executions: {first:,} of {count:,}")
        rows = [
            row_of(
                execution(draw, _NOW - timedelta(seconds=count - number), with_steps=False),
                "bench",
                redaction,
            )
            for number in range(first, min(count, first + _LOT))
        ]
        with scene.transaction() as inner:
            inner.connection.execute(table.insert(), rows)


def _timed(scene: StoredScene, look: _Look, *, turns: int) -> float:
    """How long one page takes: the first, or one after `turns` times _PAGES_IN others."""
    traces: Collection[Trace] = scene.of(Trace)
    after = None
    for _ in range(turns * _PAGES_IN):
        after = traces.list(**look, limit=_PAGE, after=after).next or after
    began = time.perf_counter()
    traces.list(**look, limit=_PAGE, after=after)
    return time.perf_counter() - began
