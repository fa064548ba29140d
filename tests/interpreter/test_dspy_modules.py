"""DSPy's own modules run a model's code in our interpreter, and in DSPy's LocalInterpreter to the same end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any, cast

import pytest

from dspash_worker.environment import quieten

quieten(os.environ)

import dspy  # noqa: E402
from dspy.utils import DummyLM  # noqa: E402

import dspash  # noqa: E402

FACTORIES = {
    "dspash": dspash.Interpreter,
    "dspash-factory": dspash.Interpreter.factory(limits=dspash.Limits(wall_s=20)),
    "dspy": dspy.LocalInterpreter,
}

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*experimental.*"),
]


@pytest.fixture(params=FACTORIES)
def factory(request: pytest.FixtureRequest) -> Any:
    return FACTORIES[request.param]


@pytest.fixture
def saying() -> Iterator[Any]:
    """Have the model say these fields, one answer after the other; returns the model."""
    contexts: list[Any] = []

    def say(*answers: dict[str, str]) -> DummyLM:
        lm = DummyLM([*answers])
        contexts.append(dspy.context(lm=lm, adapter=dspy.ChatAdapter(), disable_history=False))
        contexts[-1].__enter__()
        return lm

    yield say
    for context in reversed(contexts):
        context.__exit__(None, None, None)


def step(code: str) -> dict[str, str]:
    return {"reasoning": "so", "code": f"```python\n{code}\n```"}


def told(lm: DummyLM) -> str:
    return "\n".join(str(message["content"]) for entry in lm.history for message in entry["messages"])


def test_program_of_thought_mends_its_code(factory: Any, saying: Any) -> None:
    lm = saying(
        {"reasoning": "so", "generated_code": "```python\nx = 1 / 0\n```"},
        {"reasoning": "so", "generated_code": "```python\nSUBMIT({'answer': 6 * 7})\n```"},
        {"reasoning": "so", "answer": "42"},
    )
    program = dspy.ProgramOfThought("question -> answer", interpreter_factory=factory)
    assert program(question="?").answer == "42"
    assert "ZeroDivisionError: division by zero" in told(lm)
    assert '{"output": {"answer": 42}}' in told(lm)


def test_program_of_thought_runs_in_an_interpreter_of_its_callers(factory: Any, saying: Any) -> None:
    saying(
        {"reasoning": "so", "generated_code": "```python\nseen = given + 1\nseen\n```"},
        {"reasoning": "so", "answer": "8"},
    )
    program = dspy.ProgramOfThought("question -> answer")
    with factory() as interpreter:
        interpreter.execute("given = 7")
        assert program(interpreter, question="?").answer == "8"
        assert interpreter.execute("seen") == 8


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_code_act_has_its_tools_in_the_code(factory: Any, saying: Any) -> None:
    saying(
        {"generated_code": "```python\nprint(add(2, 3))\n```", "finished": "True"},
        {"reasoning": "so", "answer": "5"},
    )
    prediction = dspy.CodeAct("question -> answer", tools=[add], interpreter_factory=factory)(question="?")
    assert prediction.answer == "5"
    assert prediction.trajectory["code_output_0"] == '"5"'


def test_rlm_explores_its_inputs_recovers_and_submits(factory: Any, saying: Any) -> None:
    context = "x" * 200_000 + " the number is 7"
    lm = saying(
        step("print(len(context))"),
        step("number = int(context.rsplit(' ', 1)[1])\nmissing"),
        step("SUBMIT(answer='seven', count=number)"),
    )
    program = dspy.RLM("context, query -> answer, count: int", interpreter_factory=factory)
    prediction = program(context=context, query="which?")
    assert (prediction.answer, prediction.count) == ("seven", 7)
    assert prediction.trajectory[0]["output"] == str(len(context))
    assert "NameError: name 'missing' is not defined" in prediction.trajectory[1]["output"]
    assert factory.execution_instructions in told(lm)


def test_rlm_calls_models_and_tools_from_the_code(factory: Any, saying: Any) -> None:
    def lookup(key: str) -> dict[str, int]:
        """Look it up."""
        return {key: 3}

    saying(
        step(
            "found = lookup(key='a')\nsaid = llm_query('say')\nboth = llm_query_batched(['x', 'y'])\nprint(said, both)"
        ),
        step("SUBMIT(str(found['a']) + said)"),
    )
    program = dspy.RLM(
        "query -> answer", tools=[lookup], interpreter_factory=factory, sub_lm=cast("Any", Echo())
    )
    answer = program(query="?").answer
    assert answer == "3echo say"


class Echo(dspy.BaseLM):
    """Says what it was asked."""

    def __init__(self) -> None:
        super().__init__(model="echo")

    def __call__(self, prompt: Any = None, messages: Any = None, **kwargs: Any) -> Any:
        return [f"echo {prompt or messages[-1]['content']}"]


def test_rlm_builds_sub_agents_in_the_code(factory: Any, saying: Any) -> None:
    code = (
        "import dspy\nasker = dspy.Predict('question -> reply')\nreply = asker(question='deep?').reply\n"
        "SUBMIT(reply)"
    )
    saying(step(code), {"reply": "from below"})
    program = dspy.RLM("query -> answer", interpreter_factory=factory)
    prediction = program(query="?")
    assert prediction.answer == "from below"


def test_rlm_runs_in_a_coroutine(factory: Any, saying: Any) -> None:
    saying(step("print(query)"), step("SUBMIT(query.upper())"))
    program = dspy.RLM("query -> answer", interpreter_factory=factory)
    assert asyncio.run(program.acall(query="up")).answer == "UP"


def test_rlm_ends_when_its_interpreter_does(factory: Any, saying: Any) -> None:
    saying(step("import os\nos._exit(1)"), step("SUBMIT('never')"))
    program = dspy.RLM("query -> answer", interpreter_factory=factory)
    with pytest.raises(dspy.CodeInterpreterError) as caught:
        program(query="?")
    assert not isinstance(caught.value, dspy.CodeExecutionError)


def test_flex_runs_its_source_in_the_interpreter(factory: Any, saying: Any) -> None:
    saying({"answer": "flexible"})
    program = dspy.Flex("question -> answer", interpreter_factory=factory)
    assert program(question="?").answer == "flexible"


def test_the_interpreter_of_the_settings_is_taken(factory: Any, saying: Any) -> None:
    saying(step("import sys\nSUBMIT(sys.platform)"))
    with dspy.context(interpreter_factory=factory):
        assert dspy.RLM("query -> answer")(query="?").answer == "linux"
