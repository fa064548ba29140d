"""Cached: an answer that is known already, as a program gets it from its model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import dspash
from benchmarks.gateway.amounts import GatewayAmounts
from benchmarks.gateway.provider import MODEL, provider
from benchmarks.isolation.amounts import Measured
from benchmarks.samples import median, quantiles

__all__ = ["measure_cached"]

_TIMED: Final = """
def timed(lm, calls):
    lm("What was known before?")
    taken = []
    for _ in range(calls):
        began = time.perf_counter()
        lm("What was known before?")
        taken.append(time.perf_counter() - began)
    return taken
"""
_PROGRAM: Final = f"""
import time
import dspy
{_TIMED}
class Timed(dspy.Module):
    def forward(self, calls):
        return dspy.Prediction(taken=timed(dspy.settings.lm, calls))
"""
_DISK: Final = f"""
import json, sys, time
import dspy
{_TIMED}
folder, model, calls, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
dspy.configure_cache(enable_disk_cache=True, enable_memory_cache=False, disk_cache_dir=folder)
print(json.dumps([timed(dspy.LM(model), calls) for _ in range(rounds)]))
"""
_PATIENCE_S: Final = 120.0


def measure_cached(amounts: GatewayAmounts, tell: Callable[[str], None]) -> Iterator[Measured]:
    """From `lm(prompt)` to its text: inside a worker with the gateway's cache behind it, and in a process of its own with
    DSPy's disk cache behind `dspy.LM`.
    """
    with (
        provider() as url,
        tempfile.TemporaryDirectory() as folder,
        dspash.open(
            workers=1, lm=f"openai/{MODEL}", database=Path(folder) / "bench.db", sandbox="process"
        ) as app,
    ):
        tell("cached answers in a worker")
        program = app.program("Timed", source=_PROGRAM)
        ours = [program(calls=amounts.calls).taken for _ in range(amounts.rounds)]
        tell("cached answers from DSPy's disk cache")
        theirs = _from_disk(Path(folder) / "dspy", url, amounts)
    for name, rounds in (("dspash", ours), ("dspy.LM's disk cache", theirs)):
        told = quantiles([sample for each in rounds for sample in each])
        yield Measured(f"cached answer by {name}", told.p50, "s", told)
    share = median([median(each) for each in ours]) / median([median(each) for each in theirs])
    yield Measured("cached / dspy.LM's disk cache", share, "×")


def _from_disk(folder: Path, url: str, amounts: GatewayAmounts) -> Any:
    command = [sys.executable, "-c", _DISK, str(folder), f"openai/{MODEL}"]
    command += [str(amounts.calls), str(amounts.rounds)]
    environment = {**os.environ, "OPENAI_BASE_URL": url, "LITELLM_LOCAL_MODEL_COST_MAP": "true"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_PATIENCE_S, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])
