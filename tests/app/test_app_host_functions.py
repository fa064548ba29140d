"""Host functions: tools, metrics and rewards run in the host, and their failures say whose they are."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from loguru import logger

import dspash

QUESTION = "Who designed the tower?"
EXAMPLES = [{"question": QUESTION, "answer": "Gustave Eiffel"}] * 3


@pytest.fixture(scope="module")
def module(app: dspash.App) -> dspash.Module:
    return app.module("predict", "question -> answer")


@pytest.fixture
def log() -> Generator[list[str]]:
    """What dspash logs, with tracebacks."""
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}\n{exception}", diagnose=False)
    logger.enable("dspash")
    yield lines
    logger.disable("dspash")
    logger.remove(sink)


def boom(query: str) -> str:
    """Find nothing."""
    raise KeyError(f"nothing about {query}")


def test_a_tool_that_raises_is_named_with_what_it_raised(app: dspash.App) -> None:
    program = app.program("Calls", forward_fn="result = {'found': boom(query='towers')}", tools=[boom])
    with pytest.raises(dspash.ToolCallError) as failed:
        program()
    assert failed.value.tool == "boom"
    assert failed.value.type == "KeyError"
    assert str(failed.value).startswith("boom: KeyError: 'nothing about towers'; ")
    assert __file__ not in (failed.value.traceback or "")


def test_the_traceback_of_a_tool_stays_in_the_hosts_log(app: dspash.App, log: list[str]) -> None:
    program = app.program("Logs", forward_fn="result = {'found': boom(query='towers')}", tools=[boom])
    with pytest.raises(dspash.ToolCallError):
        program()
    assert len(log) == 1
    assert log[0].startswith("tool 'boom' raised\n")
    assert f'{__file__}", line' in log[0]


def test_a_program_may_catch_what_a_tool_raises(app: dspash.App) -> None:
    code = "try:\n    boom(query='towers')\nexcept Exception as error:\n    result = {'told': str(error)}"
    assert "KeyError: 'nothing about towers'" in app.program("Catches", forward_fn=code, tools=[boom])().told


def test_an_exit_in_a_tool_is_the_tools_failure(app: dspash.App) -> None:
    def leave() -> None:
        raise SystemExit(3)

    program = app.program("Leaves", forward_fn="result = {'found': leave()}", tools=[leave])
    with pytest.raises(dspash.ToolCallError):
        program()


@pytest.mark.parametrize("score", [0.5, {"score": 0.5, "feedback": "why"}], ids=["number", "feedback"])
def test_a_metric_may_be_async(app: dspash.App, module: dspash.Module, score: Any) -> None:
    async def metric(example: dspash.Prediction, prediction: dspash.Prediction) -> Any:
        return score if example.answer and prediction.answer else 0.0

    judged = app.evaluate(module, EXAMPLES, metric=metric)
    assert (judged.score, judged.failed) == (0.5, 0)


def test_a_metric_that_raises_says_what_and_not_that_a_tool_did(
    app: dspash.App, module: dspash.Module
) -> None:
    judged = app.evaluate(module, EXAMPLES, metric=lambda example, _: example.reply)
    assert judged.failed == len(EXAMPLES)
    assert judged.results[0].error == "AttributeError: there is no field 'reply'; there are question, answer"


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"tools": boom}, "tools"),
        ({"tools": "boom"}, "tools"),
        ({"tools": {"boom": 3}}, "tools['boom']"),
        ({"tools": [len]}, "tools['len']"),
        ({"modules": ["predict"]}, "modules"),
        ({"modules": {"qa": "predict"}}, "modules['qa']"),
    ],
    ids=("function", "text", "number", "builtin", "list of names", "name of a type"),
)
def test_a_part_of_the_wrong_kind_is_refused_by_its_place(
    app: dspash.App, arguments: dict[str, Any], path: str
) -> None:
    with pytest.raises(dspash.ConfigurationError) as refused:
        app.program("Refused", forward_fn="result = {}", **arguments)
    assert refused.value.path == path
