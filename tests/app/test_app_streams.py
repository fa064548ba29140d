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
    async def read() -> list[dspash.Token | dspash.Prediction]:
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
