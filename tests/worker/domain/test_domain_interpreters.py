"""Interpreters of programs: the host's where it offers one, else DSPy's own; and hosts that talk nonsense."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from typing import Any

import dspy
import pytest

from dspash_protocol import FaultError, FaultKind, ReverseCommand
from dspash_protocol.interpreter import Outcome, OutcomeKind
from dspash_worker.host_interpreter import HostInterpreter
from dspash_worker.testing import LocalWorker

RUN = """
interpreter = dspy.settings.interpreter_factory()
interpreter.tools['own'] = lambda *args, **kwargs: [list(args), kwargs]
try:
    found = interpreter.execute(code, variables={'text': 'a text', 'number': 1})
except Exception as error:
    found = f'{type(error).__name__}: {error}'
interpreter.shutdown()
result = {'kind': type(interpreter).__name__, 'found': getattr(found, 'output', found)}
"""

Answer = Callable[[Mapping[str, Any]], Any]


class FakeHost:
    """A host's side of `interpreter.*`; `executes` plays one execution, asking for tools by what it yields."""

    def __init__(self, executes: Callable[[Mapping[str, Any]], Generator[Any, None, Any]]) -> None:
        self.executes = executes
        self.opened: Any = {"interpreter": 7, "python": "3"}
        self.told: list[Mapping[str, Any]] = []
        self.closed: list[Mapping[str, Any]] = []

    def answers(self) -> dict[ReverseCommand, Answer]:
        return {
            ReverseCommand.INTERPRETER_OPEN: lambda _: self.opened,
            ReverseCommand.INTERPRETER_EXECUTE: self.executes,
            ReverseCommand.INTERPRETER_ANSWER: self.told.append,
            ReverseCommand.INTERPRETER_CLOSE: self.closed.append,
        }


def run(code: str, host: FakeHost | None = None, *, full: bool = True) -> dict[str, Any]:
    worker = LocalWorker(full=full, answers={} if host is None else host.answers())
    worker.call("create_program", id="p", forward_fn=RUN)
    return worker.call("execute", program_id="p", inputs={"code": code})


def ends_with(answer: Any, *items: Any) -> Callable[[Mapping[str, Any]], Generator[Any, None, Any]]:
    def execute(_args: Mapping[str, Any]) -> Generator[Any, None, Any]:
        yield from items
        return answer

    return execute


def value(of: Any) -> dict[str, Any]:
    return Outcome(OutcomeKind.VALUE, json.dumps(of)).to_map()


@pytest.mark.parametrize("full", [True, False])
def test_host_that_offers_none_leaves_it_to_dspy(full: bool) -> None:
    assert run("number + len(text)", full=full) == {"kind": "LocalInterpreter", "found": 7}


def test_code_goes_to_the_host_with_what_it_needs() -> None:
    seen: list[Mapping[str, Any]] = []

    def execute(args: Mapping[str, Any]) -> Generator[Any, None, Any]:
        seen.append(args)
        yield from ()
        return value([1, None])

    host = FakeHost(execute)
    assert run("code", host) == {"kind": "HostInterpreter", "found": [1, None]}
    assert seen == [
        {
            "interpreter": 7,
            "code": "code",
            "variables": '{"number": 1}',
            "texts": {"text": "a text"},
            "tools": ["ask_host", "own"],
        }
    ]
    assert host.closed == [{"interpreter": 7}]


def test_tools_are_run_here_and_answered() -> None:
    asks = [
        {"ask": 1, "name": "own", "arguments": '[[1], {"k": "v"}]', "alone": True},
        {"ask": 2, "name": "other", "arguments": "[[], {}]", "alone": True},
        {"ask": 3, "name": "own", "arguments": "nonsense", "alone": True},
    ]
    host = FakeHost(ends_with(value("done"), *asks))
    assert run("code", host)["found"] == "done"
    assert host.told[0] == {"interpreter": 7, "ask": 1, "value": '[[1], {"k": "v"}]'}
    assert "there is no tool 'other'" in host.told[1]["error"]
    assert host.told[2]["error"].startswith("JSONDecodeError")


@pytest.mark.parametrize(
    ("outcome", "found"),
    [
        (Outcome(OutcomeKind.VALUE, output="printed"), "printed"),
        (Outcome(OutcomeKind.FINAL, '{"a": 1}'), {"a": 1}),
        (Outcome(OutcomeKind.ERROR, error="KeyError: 'x'"), "CodeExecutionError: KeyError: 'x'"),
        (Outcome(OutcomeKind.SYNTAX, error="invalid"), "SyntaxError: invalid"),
    ],
)
def test_outcomes_are_those_of_dspys_protocol(outcome: Outcome, found: Any) -> None:
    assert run("code", FakeHost(ends_with(outcome.to_map())))["found"] == found


@pytest.mark.parametrize(
    "nonsense", [None, {}, {"kind": "won"}, {**value(1), "value": 1}], ids=["null", "empty", "kind", "value"]
)
def test_answer_that_makes_no_sense_ends_the_interpreter(nonsense: Any) -> None:
    found = run("code", FakeHost(ends_with(nonsense)))["found"]
    assert found.startswith("CodeInterpreterError: the host said what makes no sense")


def test_tool_ask_that_makes_no_sense_ends_the_interpreter() -> None:
    found = run("code", FakeHost(ends_with(value(1), {"ask": "x"})))["found"]
    assert found.startswith("CodeInterpreterError: the host said what makes no sense")


def test_opening_that_fails_or_makes_no_sense_is_told() -> None:
    host = FakeHost(ends_with(value(1)))
    host.opened = {"interpreter": "x"}
    worker = LocalWorker(answers=host.answers())
    worker.call("create_program", id="p", forward_fn=RUN)
    assert "makes no sense" in worker.fault("execute", program_id="p", inputs={"code": ""}).message

    def refuse(_args: Mapping[str, Any]) -> Any:
        raise FaultError.of(FaultKind.UNAVAILABLE, "32 are open")

    worker.answers[ReverseCommand.INTERPRETER_OPEN] = refuse
    assert "32 are open" in worker.fault("execute", program_id="p", inputs={"code": ""}).message


def test_execution_that_the_host_cannot_go_on_with_is_the_end() -> None:
    def execute(_args: Mapping[str, Any]) -> Generator[Any, None, Any]:
        yield from ()
        raise FaultError.of(FaultKind.UNAVAILABLE, "the interpreter has ended: it was killed")

    found = run("code", FakeHost(execute))["found"]
    assert found == "CodeInterpreterError: the interpreter has ended: it was killed"


@pytest.mark.parametrize(
    "wrong", [{"tools": {"for": str}}, {"output_fields": [{}]}, {"output_fields": [{"name": "a"}] * 2}]
)
def test_names_that_code_cannot_use_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="names must be"):
        HostInterpreter(**wrong)


def test_it_is_an_interpreter_to_dspy() -> None:
    made: object = HostInterpreter()
    assert isinstance(made, dspy.CodeInterpreter)
