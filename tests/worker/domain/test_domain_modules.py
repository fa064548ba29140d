"""Modules are made, replaced, given state and options, and refused by the place that does not fit."""

from __future__ import annotations

from typing import Any

import pytest

from dspash_protocol import FaultKind, ReverseCommand
from dspash_worker.testing import LocalWorker
from tests.worker.domain.module_scenes import PLAIN, QA, SEARCH, asked, prompt_of, run


def test_options_of_the_lm_reach_the_predictors_inside_an_agent(offline: LocalWorker) -> None:
    run(
        offline,
        {"question": "?"},
        type="react",
        signature=QA,
        tools=[SEARCH],
        config={"max_iters": 1, "temperature": 0.3},
    )
    assert all(
        args["request"]["config"] == {"temperature": 0.3}
        for args in asked(offline, ReverseCommand.LM_COMPLETE)
    )


def test_state_given_with_a_module_is_in_its_prompt(scripted: Any) -> None:
    worker = scripted({"answer": "a"})
    state = {"instructions": "Answer like a pirate.", "demos": [{"question": "Who?", "answer": "Arr"}]}
    run(worker, {"question": "?"}, **PLAIN, state=state)
    prompt = prompt_of(asked(worker, ReverseCommand.LM_COMPLETE)[0])
    assert "Answer like a pirate." in prompt
    assert "Arr" in prompt


def test_the_same_id_again_replaces(scripted: Any) -> None:
    worker = scripted({"answer": "a"})
    worker.call("create_module", id="m", **PLAIN)
    worker.call("create_module", id="m", type="predict", signature="topic -> answer")
    assert worker.call("forward", module_id="m", inputs={"topic": "x"}) == {"answer": "a"}


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"signature": QA}, "$.type", "is no module type"),
    ({"type": "predct", "signature": QA}, "$.type", "did you mean 'predict'?"),
    ({"type": "predict"}, "$.signature", "missing: predict is made of one"),
    (
        {"type": "predict", "signature": "a -> b: strng"},
        "$.signature",
        "field 'b', character 8: 'strng' is no type",
    ),
    (
        {"type": "predict", "signature": {"outputs": [{"name": "b", "type": 7}]}},
        "$.signature.outputs[0].type",
        "text",
    ),
    (
        {"type": "predict", "signature": QA, "config": {"temprature": 1}},
        "$.config.temprature",
        "did you mean 'temperature'?",
    ),
    (
        {"type": "predict", "signature": QA, "config": {"temperature": "hot"}},
        "$.config.temperature",
        "int or float is wanted, this is str",
    ),
    (
        {"type": "predict", "signature": QA, "config": {"n": True}},
        "$.config.n",
        "int is wanted, this is bool",
    ),
    ({"type": "predict", "signature": QA, "config": []}, "$.config", "a map is wanted"),
    ({"type": "predict", "signature": QA, "tools": ["search"]}, "$.tools", "types with tools are react"),
    (
        {"type": "react", "signature": QA, "config": {"max_iters": "3"}},
        "$.config.max_iters",
        "int is wanted, this is str",
    ),
    (
        {"type": "react", "signature": QA, "config": {"max_iter": 3}},
        "$.config.max_iter",
        "did you mean 'max_iters'?",
    ),
    (
        {"type": "react", "signature": QA, "tools": "search"},
        "$.tools",
        "a list of tools is wanted, this is str",
    ),
    ({"type": "react", "signature": QA, "tools": [{"nam": "x"}]}, "$.tools[0].nam", "did you mean 'name'?"),
    (
        {"type": "react", "signature": QA, "tools": ["a b"]},
        "$.tools[0].name",
        "cannot be called in a program",
    ),
    ({"type": "react", "signature": QA, "tools": ["a", "a"]}, "$.tools[1]", "occurs twice"),
    (
        {"type": "react", "signature": QA, "tools": [{"name": "a", "args": {"x y": {}}}]},
        "$.tools[0].args.x y",
        "cannot name an argument",
    ),
    (
        {"type": "react", "signature": QA, "tools": [{"name": "a", "args": {"x": 3}}]},
        "$.tools[0].args.x",
        "a JSON schema is wanted",
    ),
    (
        {"type": "react", "signature": QA, "tools": [{"name": "a", "import": "nowhere:f"}]},
        "$.tools[0].import",
        "cannot be imported",
    ),
    ({"type": "react_v2", "signature": "history -> answer"}, "$.config", "reserved by ReActV2"),
    (
        {"type": "best_of_n", "module": PLAIN, "config": {"N": 2, "threshold": 1.0}},
        "$.reward",
        "missing: best_of_n is made of one",
    ),
    (
        {"type": "best_of_n", "module": PLAIN, "reward": {"host": "r"}, "config": {"N": 2}},
        "$.config.threshold",
        "float is wanted, this is missing",
    ),
    (
        {
            "type": "best_of_n",
            "module": "nowhere",
            "reward": {"host": "r"},
            "config": {"N": 1, "threshold": 1},
        },
        "",
        "never created",
    ),
    (
        {"type": "best_of_n", "module": PLAIN, "reward": "f1_scor", "config": {"N": 1, "threshold": 1}},
        "$.reward.name",
        "did you mean 'f1_score'?",
    ),
    ({"type": "parallel", "module": PLAIN, "signature": QA}, "$.signature", "parallel takes none"),
    ({"type": "custom", "class": "dspy:Example"}, "$.class", "is no dspy.Module class"),
    ({"type": "custom", "class": "dspy"}, "$.class", "package.module:name"),
    (
        {"type": "custom", "class": "dspy:ReAct", "signature": QA, "config": {"iters": 1}},
        "$.config.iters",
        "max_iters",
    ),
    ({"type": "predict", "signature": QA, "state": [1]}, "$.state", "a map is wanted"),
    (
        {"type": "predict", "signature": QA, "state": {"demos": [1]}},
        "$.state.demos[0]",
        "a map of fields is wanted",
    ),
]


@pytest.mark.parametrize(("create", "path", "problem"), REFUSED)
def test_what_does_not_fit_is_refused_by_its_place(
    offline: LocalWorker, create: dict[str, Any], path: str, problem: str
) -> None:
    fault = offline.fault("create_module", id="m", **create)
    assert fault.kind in (FaultKind.INVALID_INPUT, FaultKind.NOT_FOUND)
    assert fault.details.get("path", "") == path
    assert problem in fault.message
    assert "\n" not in fault.message
    assert offline.call("list") == {"modules": [], "programs": []}


def test_an_id_is_needed(offline: LocalWorker) -> None:
    assert offline.fault("create_module", **PLAIN).message == "$.id: an id (text) is wanted, this is missing"
    assert offline.fault("forward", inputs={}).details["path"] == "$.module_id"


def test_a_plain_session_has_no_host_tools() -> None:
    worker = LocalWorker(full=False)
    fault = worker.fault("create_module", id="m", type="react", signature=QA, tools=["search"])
    assert fault.kind is FaultKind.UNAVAILABLE
    assert "import" in fault.message
    made = worker.call(
        "create_module",
        id="m",
        type="react",
        signature=QA,
        tools=[{"name": "join", "import": "posixpath:join"}],
    )
    assert made["tools"] == ["join"]


def test_inputs_are_checked_before_anything_runs(scripted: Any) -> None:
    worker = scripted({"answer": "a"})
    worker.call(
        "create_module", id="m", type="predict", signature="question: str, k: int = 3, hint?: str -> answer"
    )
    fault = worker.fault("forward", module_id="m", inputs={"qestion": "?", "k": "3"})
    assert [problem["path"] for problem in fault.details["problems"]] == [
        "$.inputs.question",
        "$.inputs.k",
        "$.inputs.qestion",
    ]
    assert worker.last is not None
    assert worker.last.asked == []
    assert worker.call("forward", module_id="m", inputs={"question": "?"}) == {"answer": "a"}
    assert "[[ ## k ## ]]\n3" in prompt_of(asked(worker, ReverseCommand.LM_COMPLETE)[0])


def test_objects_and_dspy_types_are_built_from_their_wire_form(scripted: Any) -> None:
    worker = scripted({"book": {"title": "T", "year": 1999}, "program": "```python\nprint(1)\n```"})
    worker.call(
        "create_module",
        id="m",
        type="predict",
        signature='picture: Image, past: History, author: {name: str} -> book: {title: str, year: int}, program: Code["python"]',
    )
    answer = worker.call(
        "forward",
        module_id="m",
        inputs={
            "picture": "https://example.org/a.png",
            "past": {
                "$dspy": "History",
                "messages": [{"author": {"name": "B"}, "book": {"title": "S", "year": 1}}],
            },
            "author": {"name": "A"},
        },
    )
    assert answer == {
        "book": {"title": "T", "year": 1999},
        "program": {"$dspy": "Code", "code": "print(1)", "language": "python"},
    }
    sent = str(asked(worker, ReverseCommand.LM_COMPLETE)[0])
    assert "https://example.org/a.png" in sent
    assert (
        worker.fault("forward", module_id="m", inputs={"picture": 1, "past": {}, "author": {}}).kind
        == "invalid_input"
    )


def test_tools_can_be_inputs(scripted: Any) -> None:
    worker: LocalWorker = scripted(
        {"tool_calls": {"tool_calls": [{"name": "search", "args": {"query": "x"}}]}}
    )
    worker.call(
        "create_module",
        id="m",
        type="predict",
        signature="question, tools: list[Tool] -> tool_calls: ToolCalls",
    )
    answer = worker.call(
        "forward", module_id="m", inputs={"question": "?", "tools": [{"$dspy": "Tool", **SEARCH}]}
    )
    (call,) = answer["tool_calls"]["tool_calls"]
    assert (call["name"], call["args"]) == ("search", {"query": "x"})
    assert "Find passages" in prompt_of(asked(worker, ReverseCommand.LM_COMPLETE)[0])


def test_what_is_set_on_a_module_does_not_reach_the_one_inside(scripted: Any) -> None:
    worker: LocalWorker = scripted({"answer": "a"})
    worker.call("create_module", id="inner", **PLAIN)
    before = worker.call("dump_state", id="inner")
    state = {"instructions": "Be loud.", "demos": [{"question": "q", "answer": "A"}]}
    config = {"num_threads": 1, "temperature": 0.5}
    worker.call("create_module", id="outer", type="parallel", module="inner", config=config, state=state)
    assert worker.call("dump_state", id="inner") == before
    worker.call("forward", module_id="outer", inputs={"inputs": [{"question": "?"}]})
    (request,) = asked(worker, ReverseCommand.LM_COMPLETE)
    assert request["request"]["config"] == {"temperature": 0.5}
    assert "Be loud." in prompt_of(request)
