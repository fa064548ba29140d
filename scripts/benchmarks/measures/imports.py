"""Imports: what `import dspash` costs a fresh interpreter, and what it brings along."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

from benchmarks.arena import Arena
from benchmarks.figures import Figure, Unit
from benchmarks.samples import quantiles
from benchmarks.scale import Scale

__all__ = ["measure_import"]

_PROBE: Final = """
import json, sys, time
began = time.perf_counter()
import dspash
print(json.dumps([time.perf_counter() - began, "dspy" in sys.modules or "litellm" in sys.modules]))
"""


def measure_import(_arena: Arena, scale: Scale) -> list[Figure]:
    """Fresh interpreters, the first one uncounted: it may have to write bytecode."""
    probes = [_probe() for _ in range(scale.imports + 1)][1:]
    note = "loads dspy" if any(loads_dspy for _, loads_dspy in probes) else "loads no dspy"
    return [
        Figure("import", "dspash", Unit.SECONDS, quantiles([seconds for seconds, _ in probes]), note=note)
    ]


def _probe() -> tuple[float, bool]:
    command = [sys.executable, "-c", _PROBE]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    seconds, loads_dspy = json.loads(output)
    return seconds, loads_dspy
