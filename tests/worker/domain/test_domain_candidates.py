"""What an optimizer tries is told as it is scored: in one order, with what it was made from, the best with its state."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import dspy
import pytest

from dspash_protocol import EventKind, ReverseCommand
from dspash_worker.candidates import Candidates
from dspash_worker.testing import LocalWorker
from dspash_worker.trials import Trials, gathering_trials

BOUND_S = 10.0
TEXTS = {
    "card_arrival": ("Has my card arrived?", "Where is my new card?", "I wait for my card.", "Card not here"),
    "lost_card": ("I lost my card.", "My card is gone.", "Report a lost card", "I cannot find my card"),
}
EXAMPLES = [{"text": text, "intent": intent} for intent, texts in TEXTS.items() for text in texts]
SIGNATURE = "text -> intent: Literal['card_arrival', 'lost_card']"
_simba: Any = import_module("dspy.teleprompt.simba")

RUNS: dict[str, dict[str, Any]] = {
    "bootstrap_few_shot": {"max_bootstrapped_demos": 2},
    "bootstrap_few_shot_with_random_search": {
        "num_candidate_programs": 2,
        "max_bootstrapped_demos": 1,
        "num_threads": 4,
    },
    "bootstrap_few_shot_with_optuna": {
        "num_candidate_programs": 3,
        "max_bootstrapped_demos": 2,
        "num_threads": 4,
    },
    "copro": {"breadth": 3, "depth": 2, "num_threads": 4},
    "mipro_v2": {"num_candidates": 3, "num_trials": 3, "minibatch_size": 3, "num_threads": 4},
    "simba": {"bsize": 4, "num_candidates": 2, "max_steps": 2, "num_threads": 4},
    "gepa": {"max_metric_calls": 40, "num_threads": 4},
    "infer_rules": {"num_candidates": 2, "num_rules": 2, "max_bootstrapped_demos": 1, "num_threads": 4},
}


def told(scores: list[tuple[float, int]]) -> list[Mapping[str, Any]]:
    events: list[Mapping[str, Any]] = []
    candidates = Candidates(events.append)
    for number, (score, examples) in enumerate(scores):
        candidates.add(score, examples=examples, state=lambda number=number: {"number": number})
    return events


def test_only_the_best_yet_comes_with_its_state() -> None:
    events = told([(0.5, 8), (0.4, 8), (0.5, 8), (0.75, 8), (0.6, 8)])

    assert [event.get("state") for event in events] == [{"number": 0}, None, None, {"number": 3}, None]
    assert [event["best"] for event in events] == [0.5, 0.5, 0.5, 0.75, 0.75]
    assert [event["index"] for event in events] == [0, 1, 2, 3, 4]


def test_a_score_of_few_examples_never_goes_before_one_of_many() -> None:
    events = told([(0.9, 3), (0.5, 8), (1.0, 3), (0.6, 8)])

    assert [event["best"] for event in events] == [0.9, 0.5, 0.5, 0.6]
    assert ["state" in event for event in events] == [True, True, False, True]


def test_candidates_that_end_at_once_are_told_one_by_one() -> None:
    events: list[Mapping[str, Any]] = []
    candidates = Candidates(events.append)
    turn = threading.Barrier(4)

    def add(score: float) -> None:
        turn.wait(BOUND_S)
        candidates.add(score, examples=1, state=dict)

    threads = [threading.Thread(target=add, args=(number / 4,), daemon=True) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)

    assert [event["index"] for event in events] == [0, 1, 2, 3]
    best = [event["best"] for event in events]
    assert best == sorted(best)
    assert best[-1] == 0.75


def test_trials_are_told_in_the_order_in_which_they_were_prepared() -> None:
    events: list[Mapping[str, Any]] = []
    trials = Trials(Candidates(events.append))
    example = dspy.Example(text="a").with_inputs("text")
    first, second, sample = (_Answer(points) for points in (0.5, 1.0, 0.0))
    runs = {program: [trials.wrap(program, _points) for _ in range(2)] for program in (first, second)}
    alone = trials.wrap(sample, _points)

    for run in (*runs[second], alone, runs[first][0]):
        run(example)
    assert events == []
    runs[first][1](example)
    assert [(event["score"], event["examples"]) for event in events] == [(0.5, 2), (1.0, 2)]


def test_outside_an_optimisation_simba_runs_as_ever() -> None:
    with gathering_trials(Candidates(_refuse)):
        pass
    example = dspy.Example(text="a").with_inputs("text")
    for _ in range(2):
        assert _simba.wrap_program(_Answer(1.0), _points)(example)["score"] == 1.0


@pytest.mark.parametrize("optimizer", RUNS)
@pytest.mark.filterwarnings("ignore:The 'prefix' argument:DeprecationWarning")  # COPRO's own signatures
@pytest.mark.filterwarnings("ignore:.* is an experimental feature")  # the sampler that MIPROv2 asks for
def test_the_same_seed_and_answers_come_to_the_same_in_several_threads(
    offline: LocalWorker, optimizer: str
) -> None:
    """Not only the program: every question in it, and every candidate in its order."""
    if optimizer in ("bootstrap_few_shot_with_optuna", "mipro_v2", "simba"):
        pytest.importorskip("optuna", reason="optuna and numpy are missing (pip extra dspash[optimizers])")
    offline.call("create_module", id="intents", type="chain_of_thought", signature=SIGNATURE)
    (one, asked_once), (again, asked_again) = (_optimized(offline, optimizer) for _ in range(2))

    assert one == again
    assert asked_once == asked_again
    events = one["events"]
    assert [event["index"] for event in events] == list(range(len(events)))
    assert all(parent < event["index"] for event in events for parent in event.get("parents", ()))
    for event in events:
        if "state" in event:
            offline.call("create_module", id="kept", type="chain_of_thought", signature=SIGNATURE)
            offline.call("load_state", id="kept", state=event["state"])
            if event["examples"] == len(EXAMPLES):
                found = offline.call("evaluate", module_id="kept", devset=EXAMPLES, metric="exact_match")
                assert found["score"] == pytest.approx(event["score"], abs=5e-5)  # DSPy rounds percents


def _optimized(worker: LocalWorker, optimizer: str) -> tuple[dict[str, Any], list[str]]:
    answer = worker.call(
        "optimize",
        optimizer=optimizer,
        module_id="intents",
        trainset=EXAMPLES,
        valset=EXAMPLES,
        metric="exact_match",
        config=RUNS[optimizer],
        seed=3,
    )
    assert worker.last is not None
    asked = sorted(repr(args) for command, args in worker.last.asked if command is ReverseCommand.LM_COMPLETE)
    events = [data for data in worker.events(EventKind.PROGRESS) if data["kind"] == "candidate"]
    return {**answer, "events": events}, asked


class _Answer(dspy.Module):
    def __init__(self, points: float) -> None:
        super().__init__()
        self.points = points

    def forward(self, text: str) -> dspy.Prediction:
        return dspy.Prediction(points=self.points, text=text)


def _points(_example: Any, prediction: Any) -> float:
    return prediction.points


def _refuse(event: Mapping[str, Any]) -> None:
    raise AssertionError(event)
