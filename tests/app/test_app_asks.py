"""What a worker may ask its host for is read strictly: a program that goes past its tools gets a fault and no more."""

from __future__ import annotations

from typing import Any

import pytest

import dspash

ASK = """
from dspash_worker.current import current_call
try:
    answer = current_call().ask(command, args)
    result = {"answer": answer}
except Exception as error:
    fault = error.fault
    result = {"kind": fault.kind, "path": fault.details.get("path"), "message": fault.message}
"""


def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


def secret() -> str:
    """What another program was given."""
    return "the other program's"


@pytest.fixture(scope="module")
def asking(app: dspash.App) -> dspash.Program:
    """A program that asks for whatever it is told to, and has the tool `double`."""
    app.program("Other", forward_fn="result = {'found': secret()}", tools=[secret])
    return app.program("Asking", forward_fn=ASK, tools=[double])


def test_a_program_may_ask_for_its_tools_itself(asking: dspash.Program) -> None:
    args = {"name": "double", "args": {"number": 4}}
    assert asking(command="tool.call", args=args) == {"answer": 8}


@pytest.mark.parametrize(
    ("command", "args", "kind", "path"),
    [
        ("tool.call", {"name": "secret", "args": {}}, "not_found", None),
        ("tool.call", {"name": "double", "args": {}}, "invalid_input", "$.args"),
        ("tool.call", {"name": "double", "args": {"number": 1, "more": 2}}, "invalid_input", "$.args"),
        ("tool.call", {"name": "double", "args": [4]}, "invalid_input", "$.args"),
        ("tool.call", {"name": 7, "args": {}}, "invalid_input", "$.name"),
        ("tool.call", {}, "invalid_input", "$.name"),
        ("metric.call", {"name": "exact-1", "example": {}, "prediction": {}}, "not_found", None),
        ("lm.complete", {"request": "hello", "meta": {}}, "invalid_input", "$.request"),
        ("lm.complete", {"request": {"model": "gpt-4", "messages": []}, "meta": {}}, "lm_error", None),
    ],
)
def test_what_it_may_not_ask_is_refused_by_kind_and_place(
    asking: dspash.Program, command: str, args: dict[str, Any], kind: str, path: str | None
) -> None:
    refused = asking(command=command, args=args)
    assert (refused["kind"], refused["path"]) == (kind, path), refused["message"]


def test_a_call_that_has_no_owner_has_no_tools(app: dspash.App, asking: dspash.Program) -> None:
    request = {"program_id": asking.id, "inputs": {"command": "tool.call", "args": {"name": "double"}}}
    assert app.call("execute", request)["kind"] == "not_found"


def test_a_program_made_anew_has_its_new_tools_alone(app: dspash.App) -> None:
    app.program("Anew", forward_fn=ASK, tools=[double])
    anew = app.program("Anew", forward_fn=ASK, tools=[secret])
    assert anew(command="tool.call", args={"name": "secret"}) == {"answer": "the other program's"}
    assert anew(command="tool.call", args={"name": "double", "args": {"number": 1}})["kind"] == "not_found"


SCRIPT = """
import dspy

dspy.configure(lm=dspy.LM("openai/gpt-4o-mini", api_key="sk-nobody-sees-it"))


class Script(dspy.Module):
    def __init__(self):
        super().__init__()
        self.draft = dspy.Predict("question -> answer")
        self.check = dspy.Predict("question, answer -> verdict")
        self.check.set_lm(dspy.LM(named))

    def forward(self, question):
        return self.check(question=question, answer=self.draft(question=question).answer)
"""


def test_models_that_a_script_names_are_what_its_host_lets_them_be(app: dspash.App) -> None:
    source = SCRIPT.replace("named", "'groq/llama'")
    stands_for = {"openai/gpt-4o-mini": "offline", "groq/llama": "offline/small"}
    prediction = app.program("Script", source=source, lms=stands_for)(question="Who?")
    assert isinstance(prediction.verdict, str)
    assert prediction.usage.lm_calls == 2
    assert set(prediction.usage_of_lm) == {"openai/gpt-4o-mini", "groq/llama"}


def test_a_script_gets_no_model_that_it_was_not_granted(app: dspash.App) -> None:
    script = app.program("Greedy", source=SCRIPT.replace("named", "'groq/llama'"), lms=["offline"])
    with pytest.raises(dspash.LMCallError, match="not granted"):
        script(question="Who?")
