"""An evaluation runs every example, counts what fails, and tells how far it got."""

from __future__ import annotations

from typing import Any, cast

import pytest

from dspash_protocol import Command, EventKind, FaultKind, ReverseCommand
from dspash_worker.cancellation import CallCancelled
from dspash_worker.evaluation import evaluate
from dspash_worker.testing import LocalCall, LocalWorker, chat_text, completion

DEVSET = [{"question": f"q{number}", "answer": "even" if number % 2 == 0 else "odd"} for number in range(6)]


@pytest.fixture
def worker(scripted: Any) -> LocalWorker:
    def answer(args: Any) -> Any:
        prompt = args["request"]["messages"][-1]["parts"][0]["text"]
        return completion("nonsense" if "q3" in prompt else chat_text(answer="even"))

    made: LocalWorker = scripted("unused")
    made.answers[ReverseCommand.LM_COMPLETE] = answer
    made.call("create_module", id="m", type="predict", signature="question -> answer")
    return made


@pytest.mark.parametrize("threads", [1, 3])
def test_failures_count_and_do_not_stop(worker: LocalWorker, threads: int) -> None:
    result = worker.call("evaluate", module_id="m", devset=DEVSET, metric="exact_match", num_threads=threads)
    assert (result["score"], result["total"], result["correct"], result["failed"]) == (0.5, 6, 3, 1)
    assert [entry["index"] for entry in result["results"]] == list(range(6))
    assert result["results"][0] == {"index": 0, "score": 1.0, "prediction": {"answer": "even"}, "error": None}
    failed = result["results"][3]
    assert (failed["score"], failed["prediction"], failed["error"]["kind"]) == (0.0, None, "program_error")


def test_progress_goes_from_one_to_all(worker: LocalWorker) -> None:
    worker.call("evaluate", module_id="m", devset=DEVSET, metric="exact_match", num_threads=2)
    told = worker.events(EventKind.PROGRESS)
    assert [data["done"] for data in told] == [1, 2, 3, 4, 5, 6]
    assert {data["total"] for data in told} == {6}
    assert told[-1]["score"] == 0.5


def test_max_errors_ends_it_with_the_first_failure(worker: LocalWorker) -> None:
    fault = worker.fault(
        "evaluate", module_id="m", devset=DEVSET, metric="exact_match", num_threads=1, max_errors=0
    )
    assert fault.kind is FaultKind.PROGRAM_ERROR
    assert fault.details == {"index": 3, "errors": 1}
    assert "over max_errors=0; 3: " in fault.message
    assert (
        worker.call("evaluate", module_id="m", devset=DEVSET, metric="exact_match", max_errors=1)["failed"]
        == 1
    )


def test_nothing_to_evaluate_scores_nothing(worker: LocalWorker) -> None:
    assert worker.call("evaluate", module_id="m", devset=[], metric="exact_match") == {
        "score": 0.0,
        "total": 0,
        "correct": 0,
        "failed": 0,
        "results": [],
    }


def test_programs_are_evaluated_by_the_inputs_of_their_forward(worker: LocalWorker) -> None:
    worker.call(
        "create_program", id="p", forward_fn="result = self.m(question=question)", modules=[{"id": "m"}]
    )
    result = worker.call("evaluate", program_id="p", devset=DEVSET[:2], metric="exact_match")
    assert result["correct"] == 1
    explicit = worker.call(
        "evaluate", program_id="p", devset=DEVSET[:2], metric="exact_match", input_fields=["question"]
    )
    assert explicit == result


def test_cancelled_calls_stop_between_examples(worker: LocalWorker) -> None:
    call = LocalCall(
        Command.EVALUATE,
        {"module_id": "m", "devset": DEVSET, "metric": "exact_match"},
        answers=worker.answers,
    )

    def cancel_then_answer(args: Any) -> Any:
        call.cancelled = "enough"
        return completion(chat_text(answer="even"))

    call._answers = {ReverseCommand.LM_COMPLETE: cancel_then_answer}
    with pytest.raises(CallCancelled):
        evaluate(worker.workbench, cast("Any", call))
    assert len(call.asked) < len(DEVSET)


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ({"devset": None}, "$.devset"),
        ({"devset": [{"answer": "x"}]}, "$.devset[0].question"),
        ({"metric": None}, "$.metric"),
        ({"num_threads": 0}, "$.num_threads"),
        ({"num_threads": "2"}, "$.num_threads"),
        ({"max_errors": True}, "$.max_errors"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place(
    worker: LocalWorker, args: dict[str, Any], path: str
) -> None:
    fault = worker.fault("evaluate", **{"module_id": "m", "devset": DEVSET, "metric": "exact_match", **args})
    assert fault.details["path"] == path


def test_tallies_count_runs_and_successes(worker: LocalWorker) -> None:
    worker.call("forward", module_id="m", inputs={"question": "q0"})
    worker.fault("forward", module_id="m", inputs={"question": "q3"})
    told = worker.call("stats")["modules"]["m"]
    assert (told["total_executions"], told["success_rate"]) == (2, 0.5)
    assert told["average_execution_time"] > 0
    assert worker.call("stats", id="m") == told


def test_a_program_without_inputs_is_given_none_of_the_labels(offline: LocalWorker) -> None:
    text = "import dspy\nclass P(dspy.Module):\n    def forward(self):\n        return dspy.Prediction(answer='x')"
    offline.call("create_program", id="p", source=text)
    offline.call("create_program", id="q", forward_fn="result = {'answer': str('answer' in globals())}")
    devset = [{"answer": "x"}]
    assert offline.call("evaluate", program_id="p", devset=devset, metric="exact_match")["score"] == 1.0
    judged = offline.call(
        "evaluate", program_id="q", devset=devset, metric="exact_match", input_fields=list[str]()
    )
    assert judged["results"][0]["prediction"] == {"answer": "False"}
