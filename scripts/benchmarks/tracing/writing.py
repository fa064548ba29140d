"""Writing: executions on their way from a recorder into a SQLite file."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.isolation.amounts import Measured
from benchmarks.tracing.amounts import TraceAmounts
from benchmarks.tracing.made_up import MadeUp
from dspash.resources import DOMAIN
from dspash.resources.kernel import Context, StoredScene
from dspash.resources.recording import Recorder
from dspash.resources.trace import Trace
from dspash.store import Store

__all__ = ["measure_writing"]

_AHEAD: Final = 2_000  # executions given to the recorder and not yet written


def measure_writing(amounts: TraceAmounts, tell: Callable[[str], None]) -> Iterator[Measured]:
    """Executions with three steps, some 2 KB each, given as fast as they are written; from the first to the last commit."""
    tell(f"writing {amounts.written:,} executions")
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "traces.db") as store:
        scene = StoredScene(Context("bench", "bench", "bench"), domain=DOMAIN, store=store)
        recorder = Recorder(lambda: scene)
        now, began = datetime.now(UTC), time.perf_counter()
        for number in range(amounts.written):
            recorder.take(MadeUp(draw, now + timedelta(milliseconds=number)))
            if number % _AHEAD == _AHEAD - 1:
                recorder.flush()
        recorder.flush()
        took_s = time.perf_counter() - began
        recorder.close()
        kept = scene.of(Trace).count()
    if kept != amounts.written:
        raise RuntimeError(f"{amounts.written} executions were given, {kept} are there")
    yield Measured("executions written", kept / took_s, "rows/s")
