"""What a program has learned leaves as JSON, comes back as it was, and carries no code, key or address."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dspash_protocol import FaultKind
from dspash_worker.testing import LocalWorker

PARTS = [
    {"name": "find", "type": "chain_of_thought", "signature": "question -> query"},
    {"name": "answer", "type": "predict", "signature": "question, query -> answer"},
]
SNIPPET = "q = self.find(question=question).query\nresult = self.answer(question=question, query=q)"


@pytest.fixture
def worker(scripted: Any) -> LocalWorker:
    made: LocalWorker = scripted({"reasoning": "r", "query": "q", "answer": "a"})
    made.call("create_program", id="p", forward_fn=SNIPPET, modules=PARTS)
    return made


def learned(worker: LocalWorker) -> dict[str, Any]:
    state = worker.call("dump_state", id="p")["state"]
    state["answer"]["demos"] = [{"question": "Who?", "query": "who", "answer": "Nobody"}]
    state["find.predict"]["signature"]["instructions"] = "Write a query."
    return state


def test_state_survives_the_way_out_and_back(worker: LocalWorker) -> None:
    state = json.loads(json.dumps(learned(worker)))
    assert worker.call("load_state", id="p", state=state) == {"id": "p"}
    again = worker.call("dump_state", id="p")
    assert again["state"] == state
    assert again["modules"]["find"]["instructions"] == "Write a query."
    assert again["modules"]["answer"]["demos"] == state["answer"]["demos"]
    worker.call("execute", program_id="p", inputs={"question": "?"})
    assert worker.last is not None
    assert "Write a query." in str(worker.last.asked[0])
    assert "Nobody" in str(worker.last.asked[1])


def test_a_whole_dump_is_taken_as_well(worker: LocalWorker) -> None:
    dump = worker.call("dump_state", id="p")
    worker.call("load_state", id="p", state=dump)
    assert worker.call("dump_state", id="p") == dump


def test_loading_changes_no_call_that_runs(worker: LocalWorker) -> None:
    before = worker.workbench.definitions()[0].module
    worker.call("load_state", id="p", state=learned(worker))
    after = worker.workbench.definitions()[0].module
    assert after is not before
    assert before.named_predictors()[1][1].demos == []


def test_state_carries_no_key_and_loads_no_model_or_class(worker: LocalWorker) -> None:
    state = learned(worker)
    state["answer"]["lm"] = {
        "_dspy_lm_class": "os.system",
        "model": "evil",
        "api_base": "http://example.org",
        "engine": {"class": "os:system", "state": {}},
    }
    worker.call("load_state", id="p", state=state)
    assert worker.call("dump_state", id="p")["state"]["answer"]["lm"] is None
    assert worker.call("execute", program_id="p", inputs={"question": "?"})["answer"] == "a"


def test_models_on_predictors_leave_by_name_and_options_alone(worker: LocalWorker) -> None:
    program = worker.workbench.definitions()[0].module
    program.set_lm(worker.workbench.models.build({"model": "other", "temperature": 0.5}, path="$"))
    lm = worker.call("dump_state", id="p")["state"]["answer"]["lm"]
    assert lm == {"model": "other", "model_type": "chat", "temperature": 0.5, "max_tokens": None}


@pytest.mark.parametrize(
    ("change", "path", "problem"),
    [
        (lambda state: 7, "$.state", "a map of states"),
        (lambda state: {**state, "anwser": {}}, "$.state.anwser", "did you mean 'answer'?"),
        (lambda state: {"answer": state["answer"]}, "$.state.find.predict", "missing"),
        (lambda state: {**state, "answer": 7}, "$.state.answer", "a map is wanted"),
        (lambda state: {**state, "answer": {}}, "$.state", "this state does not fit"),
        (
            lambda state: {**state, "answer": {**state["answer"], "signature": {}}},
            "$.state",
            "this state does not fit",
        ),
    ],
)
def test_state_that_does_not_fit_is_refused_and_nothing_changes(
    worker: LocalWorker, change: Any, path: str, problem: str
) -> None:
    before = worker.call("dump_state", id="p")
    fault = worker.fault("load_state", id="p", state=change(learned(worker)))
    assert (fault.kind, fault.details["path"]) == (FaultKind.INVALID_INPUT, path)
    assert problem in fault.message
    assert worker.call("dump_state", id="p") == before


def test_state_of_what_was_never_created_is_not_found(worker: LocalWorker) -> None:
    assert worker.fault("dump_state", id="x").kind is FaultKind.NOT_FOUND
    assert worker.fault("load_state", id="x", state={}).kind is FaultKind.NOT_FOUND
