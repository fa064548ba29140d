"""The same request gets the same answer, in every process; rollouts differ, and differ the same way each time."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading

import dspy
from gateway_engine import OfflineEngine, asking, text_of

from dspash.gateway import JsonMap, OfflineModel

PASSAGES = [
    "Gig | At the gig Ann Lee sang in Oslo and Bob Ray danced in Bergen.",
    "Fair | At the fair Cy Doe sang in Bergen and Di Poe danced in Oslo.",
]


def recorded(temperature: float) -> JsonMap:
    """Return the request that DSPy makes of a question with several near-tied answers."""
    engine = OfflineEngine()
    program = dspy.ChainOfThought("question, passages: list[str] -> answer")
    program.predict.demos = [dspy.Example(question="Who wrote Hamlet?", answer="William Shakespeare")]
    lm = dspy.LM("offline", engine=engine, cache=False, temperature=temperature, num_retries=0)
    with dspy.context(lm=lm):
        program(question="Who sang at the event?", passages=PASSAGES)
    return engine.said[0][0]


def answer(request: JsonMap, rollout: int | None = None) -> str:
    return text_of(OfflineModel().complete(request, meta={"rollout_id": rollout}, deadline=None))


def test_at_temperature_zero_every_rollout_is_the_same() -> None:
    request = recorded(0.0)
    assert len({answer(request, rollout) for rollout in (None, *range(20))}) == 1


def test_rollouts_vary_among_near_ties_and_repeat_exactly() -> None:
    request = recorded(1.0)
    first = [answer(request, rollout) for rollout in range(12)]
    assert len(set(first)) > 1
    assert [answer(request, rollout) for rollout in range(12)] == first


def test_a_sample_number_tells_equal_requests_of_one_call_apart() -> None:
    request = recorded(1.0)
    model = OfflineModel()
    samples = [text_of(model.complete(request, meta={"sample": n}, deadline=None)) for n in range(12)]
    assert len(set(samples)) > 1


def test_a_request_is_not_changed_by_answering_it() -> None:
    request = recorded(1.0)
    before = json.dumps(request, sort_keys=True)
    answer(request, 1)
    assert json.dumps(request, sort_keys=True) == before


def test_threads_get_what_one_thread_gets() -> None:
    request, model = recorded(1.0), OfflineModel()
    expected = [answer(request, rollout) for rollout in range(8)]
    found: dict[int, str] = {}

    def ask(rollout: int) -> None:
        found[rollout] = text_of(model.complete(request, meta={"rollout_id": rollout}, deadline=None))

    threads = [threading.Thread(target=ask, args=(rollout,)) for rollout in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [found[rollout] for rollout in range(8)] == expected


CHILD = """
import hashlib, json, sys
from dspash.gateway import OfflineModel
assert "dspy" not in sys.modules
model = OfflineModel()
for request in json.load(sys.stdin):
    response = model.complete(request, meta={"rollout_id": 7}, deadline=None)
    print(hashlib.sha256(json.dumps(response, sort_keys=True).encode()).hexdigest())
"""


def test_answers_do_not_depend_on_the_process_or_its_hash_seed() -> None:
    requests = [
        recorded(0.0),
        recorded(1.0),
        asking("hello"),
        asking("A. B.\n\nWho is it?", config={"temperature": 1.0}),
    ]
    model = OfflineModel()
    expected = [
        hashlib.sha256(
            json.dumps(
                model.complete(request, meta={"rollout_id": 7}, deadline=None), sort_keys=True
            ).encode()
        ).hexdigest()
        for request in requests
    ]
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", CHILD],
            input=json.dumps(requests),
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            timeout=15,
            check=True,
        )
        assert done.stdout.split() == expected
