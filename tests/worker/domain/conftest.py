"""A worker's domain in this process: real DSPy, real adapters, and a model that is the offline one or a script."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import pytest

from dspash_worker.environment import quieten

quieten(os.environ)

from dspash.gateway import Answer, Gateway, LMCall  # noqa: E402
from dspash.gateway.offline import OfflineModel  # noqa: E402
from dspash_protocol import ReverseCommand  # noqa: E402
from dspash_worker.program_models import leave_models_alone  # noqa: E402
from dspash_worker.testing import LocalWorker, chat_text, completion, completion_events  # noqa: E402


@pytest.fixture(scope="package", autouse=True)
def _models_as_they_were() -> Iterator[None]:
    """What a full session does to `dspy.LM` is undone: tests of other packages use DSPy's own."""
    yield
    leave_models_alone()


TOOLS: dict[str, Callable[..., Any]] = {
    "search": lambda query, k=2: [f"{query}: passage {number}" for number in range(k)],
    "add": lambda a, b: a + b,
}


def call_tool(args: Mapping[str, Any]) -> Any:
    return TOOLS[args["name"]](**args["args"])


def call_of(args: Mapping[str, Any]) -> LMCall:
    return LMCall(dict(args["request"]), dict(args["meta"]))


class Scripted(Protocol):
    """Makes a worker whose model says these things, one after the other; maps are output fields for the chat adapter."""

    def __call__(self, *said: str | Mapping[str, Any] | Exception) -> LocalWorker: ...


@pytest.fixture
def offline() -> LocalWorker:
    """Return a worker that runs on the offline model, with the host tools `search` and `add`."""
    gateway = Gateway({"offline": OfflineModel()}, default="offline")
    worker = LocalWorker(
        answers={
            ReverseCommand.LM_COMPLETE: lambda args: gateway.complete(call_of(args)).response,
            ReverseCommand.LM_STREAM: lambda args: (
                event for event in gateway.stream(call_of(args)) if not isinstance(event, Answer)
            ),
            ReverseCommand.TOOL_CALL: call_tool,
        }
    )
    worker.call("configure", lm={"model": "offline"})
    return worker


@pytest.fixture
def scripted() -> Scripted:
    """Return a function that makes a worker with a scripted model; the last thing said is said again for ever."""

    def make(*said: str | Mapping[str, Any] | Exception) -> LocalWorker:
        script: Iterator[str | Mapping[str, Any] | Exception] = iter(said)
        last: list[str | Mapping[str, Any] | Exception] = []

        def answer(_args: Mapping[str, Any]) -> dict[str, Any]:
            last[:] = [next(script, *last)] if last else [next(script)]
            if isinstance(last[0], Exception):
                raise last[0]
            return completion(last[0] if isinstance(last[0], str) else chat_text(**last[0]))

        worker = LocalWorker(
            answers={
                ReverseCommand.LM_COMPLETE: answer,
                ReverseCommand.LM_STREAM: lambda args: completion_events(answer(args)),
                ReverseCommand.TOOL_CALL: call_tool,
            }
        )
        worker.call("configure", lm={"model": "scripted"})
        return worker

    return make
