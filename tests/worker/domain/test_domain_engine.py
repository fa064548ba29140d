"""DSPy reaches a model through the host alone, and every trap on that way is stepped around."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from collections.abc import Mapping
from typing import Any, cast

import dspy
import pytest
from dspy import lm15

from dspash_protocol import Command, Fault, FaultError, FaultKind, ReverseCommand
from dspash_worker.cancellation import CallCancelled
from dspash_worker.current import CALL_SETTING, current_call, running
from dspash_worker.engine import AsyncGatewayEngine, GatewayEngine, lm15_error_of
from dspash_worker.lm_capabilities import Capabilities
from dspash_worker.testing import LocalCall, LocalWorker, chat_text, completion, completion_events

STATED = Capabilities(
    supports_function_calling=True,
    supports_reasoning=True,
    supported_params=frozenset({"temperature", "tools"}),
)


def asked(worker: LocalWorker, command: ReverseCommand) -> list[Mapping[str, Any]]:
    """What the latest call has asked the host by this command."""
    assert worker.last is not None
    return [args for said, args in worker.last.asked if said is command]


def rollouts(worker: LocalWorker) -> list[int | None]:
    return [args["meta"].get("rollout_id") for args in asked(worker, ReverseCommand.LM_COMPLETE)]


def lm_fault(**details: Any) -> FaultError:
    return FaultError(Fault(FaultKind.LM_ERROR, "no luck", details=details))


def test_request_and_meta_travel_as_plain_maps(scripted: Any) -> None:
    worker = scripted({"answer": "Paris"})
    worker.call(
        "create_module", id="qa", type="predict", signature="question -> answer", config={"temperature": 0.5}
    )
    assert worker.call("forward", module_id="qa", inputs={"question": "Capital?"}) == {"answer": "Paris"}
    ((command, args),) = worker.last.asked
    assert command is ReverseCommand.LM_COMPLETE
    assert args["meta"] == {"model": "scripted"}
    assert args["request"]["config"] == {"temperature": 0.5}
    assert args["request"]["messages"][-1]["parts"][0]["text"].startswith("[[ ## question ## ]]\nCapital?")


def test_rollout_id_reaches_the_host_in_every_attempt_of_best_of_n(scripted: Any) -> None:
    worker = scripted({"answer": "a"}, {"answer": "b"}, {"answer": "c"})
    worker.answers[ReverseCommand.METRIC_CALL] = lambda args: float(args["prediction"]["answer"] == "c")
    worker.call(
        "create_module",
        id="best",
        type="best_of_n",
        module={"type": "predict", "signature": "question -> answer"},
        reward={"host": "is_c"},
        config={"N": 3, "threshold": 1.0},
    )
    assert worker.call("forward", module_id="best", inputs={"question": "?"}) == {"answer": "c"}
    assert rollouts(worker) == [0, 1, 2]


def test_rollout_id_reaches_the_host_from_async_calls_and_streams() -> None:
    call = LocalCall(
        Command.FORWARD,
        {},
        answers={
            ReverseCommand.LM_COMPLETE: lambda _args: completion(chat_text(answer="x")),
            ReverseCommand.LM_STREAM: lambda _args: completion_events(completion(chat_text(answer="x"))),
        },
    )
    worker = LocalWorker()
    with worker.workbench.context(cast("Any", call)):
        predict = dspy.Predict("question -> answer", rollout_id=5, temperature=1.0)
        assert asyncio.run(predict.acall(question="?")).answer == "x"
        streamed: Any = dspy.streamify(predict, async_streaming=False)
        assert list(streamed(question="?"))[-1].answer == "x"
    assert [(command, args["meta"]["rollout_id"]) for command, args in call.asked] == [
        (ReverseCommand.LM_COMPLETE, 5),
        (ReverseCommand.LM_STREAM, 5),
    ]


def test_several_completions_are_several_requests(scripted: Any) -> None:
    worker = scripted({"answer": "a"}, {"answer": "b"})
    worker.call(
        "create_module", id="m", type="predict", signature="q -> answer", config={"n": 2, "temperature": 1.0}
    )
    answer = worker.call("forward", module_id="m", inputs={"q": "?"}, detail=True)
    assert answer["completions"] == [{"answer": "a"}, {"answer": "b"}]
    assert [args["meta"] for _, args in worker.last.asked] == [
        {"model": "scripted"},
        {"model": "scripted", "sample": 1},
    ]


def test_samples_are_counted_anew_in_every_call_of_a_model() -> None:
    call = LocalCall(
        Command.FORWARD,
        {},
        answers={ReverseCommand.LM_COMPLETE: lambda _args: completion(chat_text(answer="x"))},
    )
    with LocalWorker().workbench.context(cast("Any", call)):
        predict = dspy.Predict("question -> answer", n=3, temperature=1.0)
        predict(question="?")
        asyncio.run(predict.acall(question="?"))
    assert [args["meta"].get("sample") for _, args in call.asked] == [None, 1, 2, None, 1, 2]


def response_format(worker: LocalWorker) -> Any:
    """What the last completion was asked to look like."""
    return asked(worker, ReverseCommand.LM_COMPLETE)[-1]["request"].get("config", {}).get("response_format")


def test_stated_capabilities_shape_the_prompt_and_nobody_is_asked(scripted: Any) -> None:
    worker = scripted('{"answer": "Paris"}')
    stated = {"supports_response_schema": True, "supported_params": ["response_format"], "of_a_newer_host": 1}
    worker.call("configure", adapter="json", lm={"model": "scripted", "capabilities": {}})
    worker.call("create_module", id="m", type="predict", signature="q -> answer")
    worker.call("forward", module_id="m", inputs={"q": "?"})
    assert response_format(worker) is None
    worker.call("configure", lm={"model": "scripted", "capabilities": stated})
    worker.call("forward", module_id="m", inputs={"q": "?"})
    assert response_format(worker) is not None
    assert asked(worker, ReverseCommand.LM_CAPABILITIES) == []


def test_the_host_is_asked_once_for_what_a_model_understands(scripted: Any) -> None:
    worker = scripted('{"answer": "Paris"}')
    stated = {"supports_response_schema": True, "supported_params": ["response_format"], "of_a_newer_host": 1}
    worker.answers[ReverseCommand.LM_CAPABILITIES] = lambda _args: stated
    worker.call("configure", adapter="json")
    worker.call("create_module", id="m", type="predict", signature="q -> answer")
    worker.call("forward", module_id="m", inputs={"q": "?"})
    assert response_format(worker) is not None
    assert asked(worker, ReverseCommand.LM_CAPABILITIES) == [{"model": "scripted"}]
    worker.call("forward", module_id="m", inputs={"q": "?"})
    assert response_format(worker) is not None
    assert asked(worker, ReverseCommand.LM_CAPABILITIES) == []


@pytest.mark.parametrize(
    ("answer", "times"),
    [
        (FaultError(Fault(FaultKind.UNKNOWN_COMMAND, "what?")), 1),
        (lm_fault(code="unsupported_model"), 2),
        (FaultError(Fault(FaultKind.UNAVAILABLE, "not now")), 2),
        (ConnectionError("gone"), 2),
        ({"supports_response_schema": "yes"}, 2),
    ],
)
def test_a_model_that_the_host_does_not_tell_of_understands_nothing(
    scripted: Any, answer: Any, times: int
) -> None:
    asked_for = 0

    def capabilities(_args: Any) -> Any:
        nonlocal asked_for
        asked_for += 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    worker = scripted('{"answer": "Paris"}')
    worker.answers[ReverseCommand.LM_CAPABILITIES] = capabilities
    call = LocalCall(Command.FORWARD, {}, answers=worker.answers)
    with worker.workbench.context(cast("Any", call)):
        engine = GatewayEngine("m")
        assert (engine.capabilities, engine.capabilities) == (Capabilities(), Capabilities())
    assert asked_for == times
    assert GatewayEngine("m").supports_reasoning is False  # outside of every call, where nobody can be asked


def test_engines_are_borrowed_by_copies_and_come_back_from_pickles() -> None:
    for kind in (GatewayEngine, AsyncGatewayEngine):
        for stated in (STATED, None):
            engine = kind("m", stated)
            assert copy.deepcopy(engine) is engine
            restored = pickle.loads(pickle.dumps(engine))
            assert (type(restored), restored.model, restored.stated) == (kind, "m", stated)
            again = kind.load_state(json.loads(json.dumps(engine.dump_state())))
            assert (again.model, again.stated) == ("m", stated)
    lm = dspy.LM(
        "m", engine=GatewayEngine("m", STATED), async_engine=AsyncGatewayEngine("m", STATED), cache=False
    )
    assert (lm.supports_function_calling, lm.supports_reasoning, lm.supports_response_schema) == (
        True,
        True,
        False,
    )
    assert copy.deepcopy(lm).engine is lm.engine


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (
            Fault(FaultKind.LM_ERROR, "m", details={"code": "rate_limit", "retry_after": 2.5}),
            dspy.LMRateLimitError,
        ),
        (Fault(FaultKind.LM_ERROR, "m", details={"code": "context_length"}), dspy.ContextWindowExceededError),
        (Fault(FaultKind.LM_ERROR, "m", details={"code": "auth", "status": 401}), dspy.LMAuthError),
        (Fault(FaultKind.LM_ERROR, "m"), dspy.LMProviderError),
        (Fault(FaultKind.TIMEOUT, "m"), dspy.LMTimeoutError),
        (Fault(FaultKind.UNAVAILABLE, "m"), dspy.LMServerError),
        (Fault(FaultKind.TOO_LARGE, "m"), dspy.LMInvalidRequestError),
    ],
)
def test_faults_of_the_host_are_the_errors_that_dspy_knows(fault: Fault, error: type[Exception]) -> None:
    def fail(_args: Any) -> Any:
        raise FaultError(fault)

    call = LocalCall(Command.FORWARD, {}, answers={ReverseCommand.LM_COMPLETE: fail})
    with LocalWorker().workbench.context(cast("Any", call)), pytest.raises(error) as caught:
        dspy.Predict("q -> a")(q="?")
    assert getattr(caught.value, "retry_after", None) == fault.details.get("retry_after")


def test_context_length_errors_let_react_truncate(scripted: Any) -> None:
    worker = scripted(
        {"next_thought": "look", "next_tool_name": "search", "next_tool_args": {"query": "x"}},
        lm_fault(code="context_length"),
        {"reasoning": "r", "answer": "done"},
    )
    worker.call("create_module", id="a", type="react", signature="question -> answer", tools=["search"])
    assert worker.call("forward", module_id="a", inputs={"question": "?"})["answer"] == "done"


def test_a_vanished_pipe_is_a_transport_error() -> None:
    def vanish(_args: Any) -> Any:
        raise ConnectionError

    call = LocalCall(
        Command.FORWARD, {}, answers={ReverseCommand.LM_COMPLETE: vanish, ReverseCommand.LM_STREAM: vanish}
    )
    request = lm15.Request(model="m", messages=(lm15.Message.user("?"),))
    with LocalWorker().workbench.context(cast("Any", call)):
        with pytest.raises(lm15.TransportError, match="ConnectionError"):
            GatewayEngine("m", STATED).complete(request)
        with pytest.raises(lm15.TransportError, match="ConnectionError"):
            list(GatewayEngine("m", STATED).stream(request))
        with pytest.raises(lm15.TransportError, match="ConnectionError"):
            asyncio.run(AsyncGatewayEngine("m", STATED).complete(request))


@pytest.mark.parametrize("answer", [{}, {"model": "m"}, {"message": 7}, None, []])
def test_an_answer_that_is_no_completion_is_the_hosts_fault(answer: Any) -> None:
    call = LocalCall(Command.FORWARD, {}, answers={ReverseCommand.LM_COMPLETE: lambda _args: answer})
    with (
        LocalWorker().workbench.context(cast("Any", call)),
        pytest.raises(dspy.LMServerError, match="no completion"),
    ):
        dspy.Predict("q -> a")(q="?")


def test_cancellation_passes_through_user_code_that_catches_exceptions(scripted: Any) -> None:
    worker = scripted({"answer": "x"})
    worker.call("create_module", id="m", type="predict", signature="q -> answer")
    swallow = "try:\n    result = self.m(q=q)\nexcept Exception:\n    result = {'answer': 'swallowed'}\n"
    worker.call("create_program", id="p", forward_fn=swallow, modules=[{"id": "m"}])
    call = LocalCall(Command.EXECUTE, {"program_id": "p", "inputs": {"q": "?"}}, answers=worker.answers)
    call.cancelled = "enough"
    from dspash_worker.running import execute

    with pytest.raises(CallCancelled):
        execute(worker.workbench, cast("Any", call))


def test_a_thread_without_settings_belongs_to_the_only_call() -> None:
    first, second = LocalCall(Command.FORWARD, {}), LocalCall(Command.FORWARD, {})
    with pytest.raises(RuntimeError, match="belongs to no call"):
        current_call()
    with running(cast("Any", first)):
        assert current_call() is first
        with running(cast("Any", second)):
            with pytest.raises(RuntimeError, match="2 are running"):
                current_call()
            with dspy.context(**{CALL_SETTING: second}):
                assert current_call() is second


def test_error_carries_the_hosts_own_fault() -> None:
    fault = Fault(FaultKind.LM_ERROR, "quota", details={"code": "billing", "provider": "acme"})
    error = lm15_error_of(fault)
    assert isinstance(error, lm15.BillingError)
    assert (error.provider, error.message) == ("acme", "quota")


def test_history_is_bounded_and_kept_by_the_worker_alone(scripted: Any) -> None:
    worker = scripted({"answer": "x"})
    worker.call(
        "create_module",
        id="m",
        type="predict",
        signature="q -> answer",
        config={"rollout_id": 3, "temperature": 1.0},
    )
    for number in range(103):
        worker.call("forward", module_id="m", inputs={"q": str(number)})
    (latest,) = worker.call("inspect_history")["history"]
    assert latest["number"] == 103
    assert latest["rollout_id"] == 3
    assert latest["options"] == {"temperature": 1.0}
    assert latest["messages"][-1]["content"].startswith("[[ ## q ## ]]\n102")
    assert latest["outputs"] == [chat_text(answer="x")]
    assert latest["usage"][0]["total_tokens"] > 0
    assert len(worker.call("inspect_history", n=1000)["history"]) == 100
    assert worker.call("inspect_history", n=0) == {"history": []}
    lm = worker.workbench.configuration(worker.last).lm
    assert lm.history == []


def test_failed_calls_are_in_the_history_too(scripted: Any) -> None:
    worker = scripted(lm_fault(code="auth"))
    worker.call("create_module", id="m", type="predict", signature="q -> answer")
    worker.fault("forward", module_id="m", inputs={"q": "?"})
    assert "no luck" in worker.call("inspect_history")["history"][0]["error"]


def test_async_streams_reach_the_host_too() -> None:
    call = LocalCall(
        Command.FORWARD,
        {},
        answers={ReverseCommand.LM_STREAM: lambda _args: completion_events(completion("hello there"))},
    )

    async def collect() -> list[Any]:
        request = lm15.Request(model="m", messages=(lm15.Message.user("?"),))
        return [event async for event in AsyncGatewayEngine("m", STATED).stream(request)]

    with LocalWorker().workbench.context(cast("Any", call)):
        events = asyncio.run(collect())
    assert [event.type for event in events] == ["start", "delta", "delta", "end"]
    assert "GatewayEngine('m')" in repr(GatewayEngine("m", STATED))


def test_long_prompts_and_pictures_are_cut_in_the_history(scripted: Any) -> None:
    worker = scripted({"answer": "x"})
    worker.call("create_module", id="m", type="predict", signature="q, picture?: Image -> answer")
    worker.call("forward", module_id="m", inputs={"q": "y" * 300_000})
    worker.call(
        "forward", module_id="m", inputs={"q": "?", "picture": "data:image/png;base64," + "A" * 30_000}
    )
    long, picture = worker.call("inspect_history", n=2)["history"]
    assert len(long["messages"][-1]["content"]) < 21_000
    assert "characters)" in long["messages"][-1]["content"]
    assert len(str(picture)) < 25_000


def test_the_executor_never_sends_slow_items_twice() -> None:
    LocalWorker()
    LocalWorker()
    from dspy.utils.parallelizer import ParallelExecutor

    executor = ParallelExecutor(num_threads=2, timeout=120)
    assert (executor.timeout, executor.disable_progress_bar, executor.num_threads) == (0, True, 2)
