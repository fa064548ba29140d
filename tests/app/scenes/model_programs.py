"""Programs that use their models in the ways that DSPy offers; workers import them."""

from __future__ import annotations

import asyncio
from typing import Any

import dspy


class Many(dspy.Module):
    """Asks one model many things at once."""

    def forward(self, count: int) -> dspy.Prediction:
        return dspy.Prediction(answers=asyncio.run(self._ask(count)))

    async def _ask(self, count: int) -> list[str]:
        lm = dspy.settings.lm
        said = await asyncio.gather(*(lm.acall(f"number {number}") for number in range(count)))
        return [outputs[0] for outputs in said]


class Asks(dspy.Module):
    """Asks a model by its name."""

    def forward(self, model: str) -> dspy.Prediction:
        return dspy.Prediction(answer=dspy.LM(model)("hello")[0])


class Failing(dspy.Module):
    """Tells what its model's failure looks like to a program."""

    def forward(self, model: str) -> dspy.Prediction:
        try:
            dspy.LM(model)("hello")
        except dspy.LMError as error:
            told = {
                name: getattr(error, name, None)
                for name in ("status", "request_id", "retry_after", "provider")
            }
            return dspy.Prediction(kind=type(error).__name__, **told)
        return dspy.Prediction(kind="")


class Chooses(dspy.Module):
    """Names its models itself, as a script does."""

    def __init__(self) -> None:
        super().__init__()
        self.say = dspy.Predict("question -> answer")
        self.say.set_lm(dspy.LM("openai/gpt-4o-mini"))

    def forward(self, question: str) -> dspy.Prediction:
        first = self.say(question=question).answer
        with dspy.context(lm=dspy.LM("anthropic/claude-3-5-haiku-latest", max_tokens=50)):
            second = dspy.Predict("question -> answer")(question=question).answer
        return dspy.Prediction(answers=[first, second])


class Embeds(dspy.Module):
    """Finds the nearest of some texts, by vectors of the host's."""

    def forward(self, texts: list[str]) -> dspy.Prediction:
        options: Any = {"dimensions": 8}
        vectors = dspy.Embedder("openai/text-embedding-3-small", **options)(texts)
        return dspy.Prediction(shape=list(vectors.shape))


class CallsTools(dspy.Module):
    """Has the provider itself call its tools."""

    def forward(self, question: str) -> dspy.Prediction:
        def search(query: str) -> str:
            """Find passages."""
            return query

        class Act(dspy.Signature):
            """Use the tools."""

            question: str = dspy.InputField()
            tools: list[dspy.Tool] = dspy.InputField()
            calls: dspy.ToolCalls = dspy.OutputField()

        with dspy.context(adapter=dspy.ChatAdapter(use_native_function_calling=True)):
            made: Any = dspy.Predict(Act)(question=question, tools=[dspy.Tool(search)])
        return dspy.Prediction(calls=[[call.name, call.args] for call in made.calls.tool_calls])


class Sees(dspy.Module):
    """Looks at a picture, and answers in the form of a type."""

    def forward(self, picture: str) -> dspy.Prediction:
        class Look(dspy.Signature):
            """Describe it."""

            picture: dspy.Image = dspy.InputField()
            words: list[str] = dspy.OutputField()

        with dspy.context(adapter=dspy.JSONAdapter()):
            return dspy.Predict(Look)(picture=dspy.Image(picture))


class Samples(dspy.Module):
    """Wants several answers to one question."""

    def forward(self, count: int) -> dspy.Prediction:
        said = dspy.settings.lm("one and the same", n=count, temperature=1.0)
        return dspy.Prediction(answers=said)


class AsksInTurn(dspy.Module):
    """Asks one question after the other, and tells what became of each."""

    def forward(self, questions: list[str]) -> dspy.Prediction:
        return dspy.Prediction(outcomes=[self._outcome(question) for question in questions])

    def _outcome(self, question: str) -> str:
        try:
            dspy.settings.lm(question)
        except dspy.LMError as error:
            return type(error).__name__
        return "answered"


class AsksAtOnce(dspy.Module):
    """Asks one question many times at once, and counts the answers."""

    def forward(self, question: str, times: int) -> dspy.Prediction:
        return dspy.Prediction(answers=asyncio.run(self._ask(question, times)))

    async def _ask(self, question: str, times: int) -> int:
        lm = dspy.settings.lm
        said = await asyncio.gather(*(lm.acall(question) for _ in range(times)))
        return sum(len(outputs) for outputs in said)


class Rollouts(dspy.Module):
    """Tries several rollouts, none of which is good enough."""

    def forward(self, way: str, question: str, count: int) -> dspy.Prediction:
        kind: Any = getattr(dspy, way)
        tries = kind(
            dspy.Predict("question -> answer"),
            N=count,
            reward_fn=lambda _args, _prediction: 0.0,
            threshold=1.0,
        )
        return dspy.Prediction(answer=tries(question=question).answer)
