"""What the tests of reports share: a scene with one run."""

from __future__ import annotations

import pytest

from dspash.reports import RunFindings, read_run
from dspash.resources import DOMAIN
from dspash.resources.kernel import Context, StoredScene
from dspash.store import Store
from tests.reports.runs import HOSTILE, keep_run, scored


@pytest.fixture
def scene(store: Store) -> StoredScene:
    context = Context(actor="ann", tenant="north", request_id="request-1")
    return StoredScene(context, domain=DOMAIN, store=store)


@pytest.fixture
def findings(scene: StoredScene) -> RunFindings:
    """What is known of a run whose every text is hostile."""
    trials = [scored(0, 0.25, examples=4), scored(1, 0.75, examples=4, parents=[0])]
    traces = [
        {"index": 1, "score": 0.0, "prediction": None, "error": HOSTILE},
        {"index": 0, "score": 1.0, "prediction": {"answer": "Ada"}, "error": None},
    ]
    keep_run(scene, name=HOSTILE, trials=trials, traces=traces)
    return read_run(scene, HOSTILE)
