"""Streams of an app: the same for `for` and `async for`, and closed by whatever leaves them."""

from __future__ import annotations

import asyncio

import pytest

import dspash
from tests.leaks import wait_until

QUESTION = "Who designed the tower?"


@pytest.fixture(scope="module")
def module(app: dspash.App) -> dspash.Module:
    return app.module("predict", "question -> answer")


def test_a_stream_ends_with_what_its_tokens_said(module: dspash.Module) -> None:
    *tokens, prediction = module.stream(question=QUESTION)
    assert isinstance(prediction, dspash.Prediction)
    text = "".join(token.text for token in tokens if isinstance(token, dspash.Token))
    assert text == prediction.answer


def test_async_with_gives_the_same_stream(module: dspash.Module) -> None:
    async def read() -> list[dspash.Token | dspash.StatusMessage | dspash.Prediction]:
        async with module.astream(question=QUESTION) as stream:
            return [item async for item in stream]

    assert asyncio.run(read())[-1] == module(question=QUESTION)


def test_leaving_async_with_cancels_the_call(app: dspash.App) -> None:
    endless = app.program("Endless", forward_fn="while True:\n    pass")

    async def leave() -> None:
        async with endless.astream():
            pass

    asyncio.run(leave())
    wait_until(lambda: app.status().running == 0, "the call to end")


def test_a_stream_says_which_predictor_speaks_and_when_tools_are_called(app: dspash.App) -> None:
    def look_up(query: str) -> str:
        """Find a passage about the query."""
        return f"{query}: the tower was designed by Gustave Eiffel."

    agent = app.module("react", "question -> answer", tools=[look_up], max_iters=2)
    *items, prediction = agent.stream(question=QUESTION)
    assert isinstance(prediction, dspash.Prediction)
    messages = [item.message for item in items if isinstance(item, dspash.StatusMessage)]
    assert "Calling tool look_up..." in messages
    tokens = [item for item in items if isinstance(item, dspash.Token)]
    assert {token.predictor for token in tokens} == {"react", "extract.predict"}
    last = "".join(
        token.text for token in tokens if (token.predictor, token.field) == ("extract.predict", "answer")
    )
    assert last == prediction.answer
