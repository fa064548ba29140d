"""Every module type is made and run as its row of the table says."""

from __future__ import annotations

import threading
from typing import Any, cast

import psutil
import pytest

from dspash_protocol import Command, FaultKind, ReverseCommand
from dspash_worker.cancellation import CallCancelled
from dspash_worker.commands import HANDLERS
from dspash_worker.module_types import MODULE_TYPES
from dspash_worker.testing import LocalCall, LocalWorker
from tests.leaks import wait_until
from tests.worker.domain.module_scenes import ADD, PLAIN, QA, SEARCH, asked, prompt_of, run

code_writers = pytest.mark.filterwarnings(
    "ignore:(ProgramOfThought|CodeAct) is deprecated:DeprecationWarning"
)


def test_predict_answers_with_its_output_fields(scripted: Any) -> None:
    worker = scripted({"answer": "Paris", "confidence": 0.9})
    made = worker.call(
        "create_module",
        id="m",
        type="predict",
        signature="question -> answer, confidence: float",
        tools=[],
        config={},
    )
    assert made == {"id": "m", "type": "predict", "signature": "question -> answer, confidence: float"}
    assert worker.call("forward", module_id="m", inputs={"question": "?"}) == {
        "answer": "Paris",
        "confidence": 0.9,
    }


def test_chain_of_thought_reasons_first(scripted: Any) -> None:
    worker = scripted({"reasoning": "because", "answer": "Paris"})
    assert run(worker, {"question": "?"}, type="chain_of_thought", signature=QA) == {
        "reasoning": "because",
        "answer": "Paris",
    }


def test_types_are_found_in_the_spelling_of_their_class(scripted: Any) -> None:
    worker = scripted({"reasoning": "r", "answer": "a"})
    assert (
        worker.call("create_module", id="m", type="ChainOfThought", signature=QA)["type"]
        == "chain_of_thought"
    )


@pytest.mark.filterwarnings("ignore:The 'prefix' argument:DeprecationWarning")  # DSPy's own, in this module
def test_multi_chain_comparison_weighs_completions(scripted: Any) -> None:
    worker = scripted({"rationale": "both", "answer": "b"})
    completions = [{"reasoning": "one", "answer": "a"}, {"reasoning": "two", "answer": "b"}]
    answer = run(
        worker,
        {"question": "?", "completions": completions},
        type="multi_chain_comparison",
        signature=QA,
        config={"M": 2, "max_tokens": 50},
    )
    assert answer == {"rationale": "both", "answer": "b"}
    (request,) = asked(worker, ReverseCommand.LM_COMPLETE)
    assert request["request"]["config"] == {"temperature": 0.7, "max_tokens": 50}
    assert "I'm trying to two" in prompt_of(request)


@pytest.mark.filterwarnings("ignore:The 'prefix' argument:DeprecationWarning")
def test_multi_chain_comparison_without_completions_is_refused_by_its_place(scripted: Any) -> None:
    worker = scripted({"rationale": "both", "answer": "b"})
    worker.call("create_module", id="m", type="multi_chain_comparison", signature=QA)
    fault = worker.fault("forward", module_id="m", inputs={"question": "?"})
    assert (fault.kind, fault.details["path"]) == (FaultKind.INVALID_INPUT, "$.inputs.completions")


def test_react_calls_host_tools_and_answers(offline: LocalWorker) -> None:
    answer = run(
        offline,
        {"question": "Who built it?"},
        type="react",
        signature=QA,
        tools=[SEARCH],
        config={"max_iters": 3},
    )
    assert answer["trajectory"]["tool_name_0"] == "search"
    assert answer["trajectory"]["observation_0"] == ["Who built it?: passage 0", "Who built it?: passage 1"]
    assert asked(offline, ReverseCommand.TOOL_CALL)[0] == {
        "name": "search",
        "args": {"query": "Who built it?", "k": 2},
    }


def test_react_v2_submits_its_answer(offline: LocalWorker) -> None:
    answer = run(
        offline,
        {"question": "Who built it?"},
        type="react_v2",
        signature=QA,
        tools=[SEARCH],
        config={"max_iters": 3},
    )
    assert answer["termination_reason"] == "submit"
    assert answer["history"]["$dspy"] == "History"
    assert asked(offline, ReverseCommand.TOOL_CALL)


@code_writers
def test_program_of_thought_runs_the_code_that_the_model_writes(scripted: Any) -> None:
    worker = scripted(
        {"reasoning": "compute", "generated_code": "SUBMIT({'answer': 6 * 7})"},
        {"reasoning": "done", "answer": "42"},
    )
    answer = run(worker, {"question": "?"}, type="program_of_thought", signature="question -> answer: int")
    assert answer["answer"] == 42
    assert '{"answer": 42}' in prompt_of(asked(worker, ReverseCommand.LM_COMPLETE)[-1])


@code_writers
def test_code_act_calls_host_tools_from_the_code_that_the_model_writes(scripted: Any) -> None:
    worker = scripted(
        {"generated_code": "total = add(40, b=2)\nprint(total)", "finished": True},
        {"reasoning": "done", "answer": "42"},
    )
    answer = run(
        worker, {"question": "?"}, type="code_act", signature=QA, tools=[ADD], config={"max_iters": 2}
    )
    assert answer["trajectory"]["code_output_0"] == '"42"'
    assert asked(worker, ReverseCommand.TOOL_CALL) == [{"name": "add", "args": {"a": 40, "b": 2}}]


def test_rlm_looks_into_its_inputs_with_code(scripted: Any) -> None:
    worker = scripted(
        {"reasoning": "look", "code": "found = search(query='x', k=1)\nprint(context, found)"},
        {"reasoning": "done", "code": "SUBMIT(context.split()[0])"},
    )
    answer = run(
        worker,
        {"context": "needle in hay", "query": "?"},
        type="rlm",
        signature="context, query -> answer",
        tools=[SEARCH],
    )
    assert answer["answer"] == "needle"
    assert asked(worker, ReverseCommand.TOOL_CALL) == [{"name": "search", "args": {"query": "x", "k": 1}}]
    assert "needle in hay ['x: passage 0']" in str(answer["trajectory"])


def test_code_that_never_ends_is_cancelled_with_its_call(scripted: Any) -> None:
    worker: LocalWorker = scripted({"reasoning": "r", "code": "while True: pass"})
    worker.call("create_module", id="m", type="rlm", signature="context -> answer")
    call = LocalCall(Command.FORWARD, {"module_id": "m", "inputs": {"context": "x"}}, answers=worker.answers)
    before = set(psutil.Process().children())
    outcomes: list[BaseException] = []

    def forward_in_thread() -> None:
        try:
            HANDLERS[Command.FORWARD](worker.workbench, cast("Any", call))
        except BaseException as error:  # noqa: BLE001  (cancellation is one, and the outcome here)
            outcomes.append(error)

    def interpreters() -> set[psutil.Process]:
        return set(psutil.Process().children()) - before

    thread = threading.Thread(target=forward_in_thread)
    thread.start()
    wait_until(lambda: interpreters() or not thread.is_alive(), "the code to run")
    call.cancelled = "enough"
    thread.join(10)
    assert isinstance(outcomes[0], CallCancelled)
    wait_until(lambda: not interpreters(), "the interpreter to be gone")


def test_best_of_n_keeps_the_best_by_a_reward_given_as_text(scripted: Any) -> None:
    worker = scripted({"answer": "no"}, {"answer": "it is in Paris"})
    worker.call(
        "create_module",
        id="m",
        type="best_of_n",
        module={"type": "predict", "signature": "context: list[str], answer_hint -> answer"},
        reward={
            "source": "def metric(inputs, prediction):\n    return float('Paris' in prediction.answer)\n"
        },
        config={"N": 2, "threshold": 1.0},
    )
    assert worker.call("forward", module_id="m", inputs={"context": ["x"], "answer_hint": "y"}) == {
        "answer": "it is in Paris"
    }


def test_failed_attempts_of_one_call_do_not_count_in_the_next(scripted: Any) -> None:
    worker = scripted("nonsense", "nonsense", {"answer": "fine"})
    worker.answers[ReverseCommand.METRIC_CALL] = lambda _args: 1.0
    worker.call(
        "create_module",
        id="m",
        type="best_of_n",
        module=PLAIN,
        reward={"host": "r"},
        config={"N": 2, "threshold": 1.0},
    )
    before = worker.workbench.definitions()[0].module
    assert worker.call("forward", module_id="m", inputs={"question": "?"}) == {"answer": "fine"}
    assert vars(before)["fail_count"] == 2


@pytest.mark.parametrize("type_", ["best_of_n", "refine"])
def test_where_every_attempt_fails_the_last_ones_error_is_told(scripted: Any, type_: str) -> None:
    def create(worker: LocalWorker, reward: Any) -> Any:
        config = {"N": 2, "threshold": 1.0}
        worker.call("create_module", id="m", type=type_, module=PLAIN, reward=reward, config=config)
        return worker.fault("forward", module_id="m", inputs={"question": "?"})

    source = "def metric(inputs, prediction):\n    return len(prediction.reply)\n"
    fault = create(scripted({"answer": "fine"}), {"source": source})
    assert (fault.kind, fault.type) == (FaultKind.PROGRAM_ERROR, "AttributeError")
    assert "reply" in fault.message

    fault = create(scripted({"answer": "fine"}), "exact_match")
    assert fault.message == "the example has no field 'answer'; it has question"

    fault = create(scripted("nonsense"), {"source": source})
    assert "nonsense" in fault.message


def test_refine_asks_for_advice_and_uses_it(scripted: Any) -> None:
    worker = scripted(
        {"answer": "short"},
        {"discussion": "too short", "advice": {"self": "say more"}},
        {"answer": "much longer"},
    )
    worker.answers[ReverseCommand.METRIC_CALL] = lambda args: float(len(args["prediction"]["answer"]) > 6)
    answer = run(
        worker,
        {"question": "?"},
        type="refine",
        module=PLAIN,
        reward={"host": "length"},
        config={"N": 2, "threshold": 1.0},
    )
    assert answer == {"answer": "much longer"}
    prompts = [prompt_of(args) for args in asked(worker, ReverseCommand.LM_COMPLETE)]
    assert "Reward of a prediction by 'length'" in prompts[1]
    assert "say more" in prompts[2]


def test_parallel_runs_a_list_and_keeps_failures_in_their_place(scripted: Any) -> None:
    def answer(args: Any) -> Any:
        from dspash_worker.testing import chat_text, completion

        return completion("nonsense" if "two" in prompt_of(args) else chat_text(answer="ok"))

    worker = scripted("unused")
    worker.answers[ReverseCommand.LM_COMPLETE] = answer
    worker.call("create_module", id="m", type="parallel", module=PLAIN, config={"num_threads": 3})
    inputs = {"inputs": [{"question": word} for word in ("one", "two", "three")]}
    result = worker.call("forward", module_id="m", inputs=inputs)
    assert result["results"] == [{"answer": "ok"}, None, {"answer": "ok"}]
    assert [error is None for error in result["errors"]] == [True, False, True]
    assert worker.call("forward", module_id="m", inputs={"inputs": []}) == {"results": [], "errors": []}


def test_custom_makes_any_importable_module_class(scripted: Any) -> None:
    worker = scripted({"reasoning": "r", "answer": "a"})
    create = {
        "type": "custom",
        "class": "dspy:ChainOfThought",
        "signature": QA,
        "config": {"temperature": 0.1},
    }
    assert run(worker, {"question": "?"}, **create) == {"reasoning": "r", "answer": "a"}


def test_every_row_of_the_table_is_made_by_a_test() -> None:
    tested = "predict chain_of_thought multi_chain_comparison react react_v2 program_of_thought code_act rlm best_of_n refine parallel"
    assert sorted(MODULE_TYPES) == sorted(tested.split())
