"""DSPy's agents and code writers come to an end with the offline model, through every adapter."""

from __future__ import annotations

import ast
from typing import Any

import dspy
import pytest
from gateway_engine import ADAPTERS, OfflineEngine, asking, signature_of, text_of

from dspash.gateway import JsonMap, JsonValue, OfflineModel, UnsupportedFeatureError

QA = signature_of("question -> answer")
PASSAGES = [
    "Oslo Tower | Oslo Tower is a tower in Norway, opened in 1931. It was designed by the architect Ann Lee.",
    "Ann Lee | Ann Lee was a Norwegian architect, born in Bergen in 1890.",
]


def search(query: str, k: int = 1) -> list[str]:
    """Search for passages about the query."""
    words = set(query.lower().replace("?", "").split())
    return sorted(PASSAGES, key=lambda passage: -len(words & set(passage.lower().split())))[:k]


def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


@pytest.fixture(params=ADAPTERS)
def adapter(request: pytest.FixtureRequest, lm: dspy.LM) -> Any:
    with dspy.context(adapter=ADAPTERS[request.param](), lm=lm):
        yield request.param


def test_react_searches_hop_by_hop_and_finishes(adapter: str) -> None:
    prediction = dspy.ReAct(QA, tools=[search])(question="In which city was the designer of Oslo Tower born?")
    called = [value for name, value in prediction.trajectory.items() if name.startswith("tool_name")]
    assert called == ["search", "search", "finish"]
    assert "Ann Lee" in prediction.trajectory["tool_args_1"]["query"]
    assert "Bergen" in prediction.answer


def test_react_v2_submits_its_answer(adapter: str) -> None:
    prediction = dspy.ReActV2(QA, tools=[search])(question="Who designed Oslo Tower?")
    assert prediction.termination_reason == "submit"
    assert "Ann Lee" in prediction.answer


def test_numbers_in_the_question_become_arguments(lm: dspy.LM) -> None:
    prediction = dspy.ReAct(QA, tools=[search, add])(question="Add the numbers 3 and 4.5")
    assert prediction.trajectory["tool_name_0"] == "add"
    assert prediction.trajectory["tool_args_0"] == {"a": 3.0, "b": 4.5}
    assert prediction.trajectory["observation_0"] == 7.5


def test_the_same_call_is_not_made_twice(lm: dspy.LM) -> None:
    def nothing(query: str) -> str:
        """Find nothing."""
        return ""

    trajectory = dspy.ReAct(QA, tools=[nothing])(question="Who?").trajectory
    assert [value for name, value in trajectory.items() if name.startswith("tool_name")] == [
        "nothing",
        "finish",
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_program_of_thought_runs_its_code(adapter: str) -> None:
    program = dspy.ProgramOfThought(QA, interpreter_factory=dspy.LocalInterpreter)
    assert "55" in program(question="What is 17 * 3 + 4?").answer


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_code_act_calls_the_function_it_was_given(adapter: str) -> None:
    program = dspy.CodeAct(QA, tools=[add], interpreter_factory=dspy.LocalInterpreter)
    prediction = program(question="Add 3 and 4")
    assert prediction.trajectory["generated_code_0"] == "result = add(a=3.0, b=4.0)\nprint(result)"
    assert "7.0" in str(prediction.trajectory["code_output_0"])


def test_rlm_explores_then_submits(adapter: str) -> None:
    program = dspy.RLM("context, query -> answer", interpreter_factory=dspy.LocalInterpreter, max_iters=4)
    prediction = program(
        context="The sky is blue. The magic number is 42.", query="What is the magic number?"
    )
    assert prediction.answer == "The magic number is 42."
    assert len(prediction.trajectory) == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_multi_chain_comparison_takes_the_majority(adapter: str) -> None:
    attempts = [{"reasoning": "r", "answer": answer} for answer in ("Bergen", "Oslo", "Oslo")]
    assert dspy.MultiChainComparison("question -> answer", M=3)(attempts, question="Where?").answer == "Oslo"


def test_best_of_n_and_refine_see_different_samples(lm: dspy.LM, engine: OfflineEngine) -> None:
    program = dspy.ChainOfThought("question, passages: list[str] -> answer")
    program.predict.demos = [dspy.Example(question="Who wrote Hamlet?", answer="William Shakespeare")]
    seen: list[str] = []

    def reward(args: dict[str, Any], prediction: dspy.Prediction) -> float:
        seen.append(prediction.answer)
        return 0.0

    event = [
        "Gig | At the gig Ann Lee sang in Oslo and Bob Ray danced in Bergen.",
        "Fair | At the fair Cy Doe sang in Bergen and Di Poe danced in Oslo.",
    ]
    dspy.BestOfN(program, N=8, reward_fn=reward, threshold=1.0)(
        question="Who sang at the event?", passages=event
    )
    assert len(set(seen)) > 1
    dspy.Refine(program, N=2, reward_fn=reward, threshold=1.0)(
        question="Who sang at the event?", passages=event
    )
    assert any("module_names" in str(request) for request, _ in engine.said)


SEARCH: JsonMap = {
    "type": "function",
    "name": "search",
    "description": "Search for passages.",
    "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
}


def ask(text: str, **more: Any) -> JsonMap:
    return OfflineModel().complete(asking(text, **more), meta={}, deadline=None)


def calls(response: JsonMap) -> list[Any]:
    message: Any = response["message"]
    return [(part["name"], part["input"]) for part in message["parts"] if part["type"] == "tool_call"]


def test_a_native_tool_is_called_with_what_was_asked() -> None:
    response = ask("Who designed Oslo Tower?", tools=[SEARCH])
    assert response["finish_reason"] == "tool_call"
    assert calls(response) == [("search", {"query": "Who designed Oslo Tower?"})]


def test_tool_choice_none_is_kept_and_required_without_tools_is_refused() -> None:
    response = ask("Who designed it?", tools=[SEARCH], config={"tool_choice": {"mode": "none"}})
    assert response["finish_reason"] == "stop"
    assert calls(response) == []
    with pytest.raises(UnsupportedFeatureError):
        ask("Who?", tools=[SEARCH], config={"tool_choice": {"mode": "required", "allowed": ["other"]}})


def test_what_a_tool_brought_is_read() -> None:
    said: JsonValue = [
        {"role": "user", "parts": [{"type": "text", "text": "Who designed Oslo Tower?"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "1", "name": "search", "input": {"query": "x"}}],
        },
        {
            "role": "tool",
            "parts": [{"type": "tool_result", "id": "1", "content": [{"type": "text", "text": PASSAGES[0]}]}],
        },
    ]
    response = OfflineModel().complete({"messages": said, "tools": [SEARCH]}, meta={}, deadline=None)
    assert response["finish_reason"] == "stop"
    assert "Ann Lee" in text_of(response)


def test_a_bare_prompt_is_answered_as_what_it_is() -> None:
    assert "no LLM" in text_of(ask("hello"))
    assert text_of(ask("What is 2 + 2?")) == "4"
    assert "Ann Lee" in text_of(ask(f"{PASSAGES[0]}\n\nWho designed Oslo Tower?"))


def test_a_reflection_prompt_gets_an_instruction_in_a_fence() -> None:
    prompt = "I gave these instructions:\n```\nAnswer.\n```\nWrite a new instruction within ``` blocks."
    reply = text_of(ask(prompt))
    assert reply.startswith("```\nAnswer.\n")
    assert reply.endswith("\n```")


def test_code_for_a_current_program_is_that_program(lm: dspy.LM) -> None:
    signature = signature_of("current_code, feedback -> new_code")
    code = "def f(x):\n    return x"
    written = dspy.Predict(signature)(current_code=code, feedback="be faster").new_code
    assert ast.dump(ast.parse(written)) == ast.dump(ast.parse(code))
