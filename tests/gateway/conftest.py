"""Real DSPy in this process, with the offline model as its engine: what DSPy can read back is right."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from dspash_worker.environment import quieten

quieten(os.environ)

import dspy  # noqa: E402
from gateway_engine import OfflineEngine, RolloutNote  # noqa: E402


@pytest.fixture
def engine() -> OfflineEngine:
    """Return an engine that asks a fresh offline model and keeps what was said."""
    return OfflineEngine()


@pytest.fixture
def lm(engine: OfflineEngine) -> Iterator[dspy.LM]:
    """Configure DSPy, for one test, with the offline model."""
    model = dspy.LM("offline", engine=engine, cache=False, num_retries=0)
    with dspy.context(lm=model, adapter=dspy.ChatAdapter(), callbacks=[RolloutNote()]):
        yield model
