"""Definitions are promises: what was sent first counts first, whatever runs first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import pytest

from dspash_protocol import Command, Fault, FaultError, FaultKind
from dspash_worker.cancellation import CallCancelled
from dspash_worker.commands import HANDLERS, Workbench
from dspash_worker.promises import Promises
from dspash_worker.testing import LocalCall, LocalWorker

BOUND_S = 10.0


def call_of(command: Command, **args: Any) -> LocalCall:
    return LocalCall(command, args)


def run(workbench: Workbench, call: LocalCall) -> Any:
    return HANDLERS[call.command](workbench, cast("Any", call))


class InThread:
    """Runs something in a thread of its own and keeps what became of it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.outcome: Any = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], Any]) -> None:
        try:
            self.outcome = work()
        except BaseException as error:  # noqa: BLE001  (cancellation is one, and an outcome here)
            self.outcome = error

    @property
    def waits(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> Any:
        self._thread.join(BOUND_S)
        assert not self._thread.is_alive()
        return self.outcome


@pytest.fixture
def bench() -> Workbench:
    return LocalWorker().workbench


def test_a_call_waits_for_the_definition_that_was_reserved_before_it(bench: Workbench) -> None:
    create = call_of(Command.CREATE_PROGRAM, id="p", forward_fn="result = {'n': 1}")
    bench.reserve(cast("Any", create))
    waiting = InThread(lambda: run(bench, call_of(Command.EXECUTE, program_id="p", inputs={})))
    assert waiting.waits
    run(bench, create)
    assert waiting.end() == {"n": 1}


def test_a_definition_that_fails_fails_those_who_wait_for_it(bench: Workbench) -> None:
    create = call_of(Command.CREATE_PROGRAM, id="p", forward_fn="result = (")
    bench.reserve(cast("Any", create))
    waiting = InThread(lambda: run(bench, call_of(Command.EXECUTE, program_id="p", inputs={})))
    with pytest.raises(FaultError):
        run(bench, create)
    outcome = waiting.end()
    assert isinstance(outcome, FaultError)
    assert outcome.fault.details["path"] == "$.forward_fn"


def test_an_abandoned_definition_fails_those_who_wait_for_it(bench: Workbench) -> None:
    create = call_of(Command.CREATE_MODULE, id="m", type="predict", signature="q -> a")
    bench.reserve(cast("Any", create))
    waiting = InThread(lambda: run(bench, call_of(Command.FORWARD, module_id="m", inputs={})))
    bench.abandon(cast("Any", create), Fault(FaultKind.CANCELLED, "never mind"))
    outcome = waiting.end()
    assert isinstance(outcome, FaultError)
    assert outcome.fault.message == "never mind"
    with pytest.raises(FaultError, match="was never created"):
        run(bench, call_of(Command.FORWARD, module_id="m", inputs={}))


def test_what_stood_before_a_failed_definition_stands_again(bench: Workbench) -> None:
    run(bench, call_of(Command.CREATE_PROGRAM, id="p", forward_fn="result = {'n': 1}"))
    for text in ("result = (", "also wrong ("):
        with pytest.raises(FaultError):
            run(bench, call_of(Command.CREATE_PROGRAM, id="p", forward_fn=text))
    assert run(bench, call_of(Command.EXECUTE, program_id="p", inputs={})) == {"n": 1}


def test_a_definition_that_fails_changes_nothing_for_those_who_wait_for_it(bench: Workbench) -> None:
    run(bench, call_of(Command.CREATE_PROGRAM, id="p", forward_fn="result = {'n': 1}"))
    failing = [call_of(Command.CREATE_PROGRAM, id="p", forward_fn=text) for text in ("result = (", "no (")]
    for create in failing:
        bench.reserve(cast("Any", create))
    waiting = InThread(lambda: run(bench, call_of(Command.EXECUTE, program_id="p", inputs={})))
    assert waiting.waits
    for create in failing:
        with pytest.raises(FaultError):
            run(bench, create)
    assert waiting.end() == {"n": 1}


def test_a_configuration_that_fails_changes_nothing_for_the_next(bench: Workbench) -> None:
    failing = call_of(Command.CONFIGURE, adapter="none such")
    bench.reserve(cast("Any", failing))
    following = call_of(Command.CONFIGURE, settings={"max_errors": 3})
    bench.reserve(cast("Any", following))
    waiting = InThread(lambda: run(bench, following))
    with pytest.raises(FaultError):
        run(bench, failing)
    assert waiting.end() == {"status": "configured"}


def test_a_call_never_waits_for_a_definition_that_arrived_after_it(bench: Workbench) -> None:
    """It would for ever where that definition waits for the call's thread."""
    run(bench, call_of(Command.CREATE_PROGRAM, id="p", forward_fn="result = {'n': 1}"))
    execute = call_of(Command.EXECUTE, program_id="p", inputs={})
    early = call_of(Command.EXECUTE, program_id="later", inputs={})
    later = [
        call_of(Command.CREATE_PROGRAM, id="p", forward_fn="result = {'n': 2}"),
        call_of(Command.CREATE_PROGRAM, id="later", forward_fn="result = {'n': 2}"),
        call_of(Command.CONFIGURE, settings={"num_threads": 1}),
    ]
    for definition in later:
        bench.reserve(cast("Any", definition))
    assert InThread(lambda: run(bench, execute)).end() == {"n": 1}
    assert "was never created" in str(InThread(lambda: run(bench, early)).end())


def test_an_optimisation_takes_the_program_that_is_being_made_before_it(bench: Workbench) -> None:
    """It describes the program, too, for a worker that has none of that name."""
    described = {"id": "p", "forward_fn": "result = {'answer': 'described'}"}
    create = call_of(Command.CREATE_PROGRAM, **{**described, "forward_fn": "result = {'answer': 'made'}"})
    bench.reserve(cast("Any", create))
    optimize = call_of(
        Command.OPTIMIZE,
        optimizer="labeled_few_shot",
        program=described,
        trainset=[{"question": "?", "answer": "made"}],
        input_fields=[],
        metric="exact_match",
    )
    optimizing = InThread(lambda: run(bench, optimize))
    assert optimizing.waits
    run(bench, create)
    assert optimizing.end()["score"] == 1.0
    assert run(bench, call_of(Command.EXECUTE, program_id="p", inputs={})) == {"answer": "made"}


def test_a_definition_never_waits_for_itself(bench: Workbench) -> None:
    create = call_of(Command.CREATE_PROGRAM, id="p", forward_fn="result = {}", modules=[{"id": "p"}])
    bench.reserve(cast("Any", create))
    outcome = InThread(lambda: run(bench, create)).end()
    assert isinstance(outcome, FaultError)
    assert outcome.fault.kind is FaultKind.NOT_FOUND


def test_definitions_count_in_the_order_of_their_arrival(bench: Workbench) -> None:
    first = call_of(Command.CREATE_PROGRAM, id="p", forward_fn="result = {'n': 1}")
    second = call_of(Command.CREATE_PROGRAM, id="p", forward_fn="result = {'n': 2}")
    bench.reserve(cast("Any", first))
    bench.reserve(cast("Any", second))
    run(bench, second)
    run(bench, first)
    assert run(bench, call_of(Command.EXECUTE, program_id="p", inputs={})) == {"n": 2}


def test_state_is_loaded_into_the_definition_before_it(bench: Workbench) -> None:
    create = call_of(Command.CREATE_MODULE, id="m", type="predict", signature="q -> a")
    run(bench, create)
    state = run(bench, call_of(Command.DUMP_STATE, id="m"))["state"]
    state["self"]["demos"] = [{"q": "1", "a": "2"}]
    again = call_of(Command.CREATE_MODULE, id="m", type="predict", signature="q -> a")
    load = call_of(Command.LOAD_STATE, id="m", state=state)
    bench.reserve(cast("Any", again))
    bench.reserve(cast("Any", load))
    loading = InThread(lambda: run(bench, load))
    assert loading.waits
    run(bench, again)
    loading.end()
    assert run(bench, call_of(Command.DUMP_STATE, id="m"))["state"] == state


def test_calls_wait_for_the_configuration_before_them(bench: Workbench) -> None:
    run(
        bench,
        call_of(
            Command.CREATE_PROGRAM,
            id="p",
            forward_fn="result = {'model': dspy.settings.lm.model, 'threads': dspy.settings.num_threads}",
        ),
    )
    configure = call_of(Command.CONFIGURE, lm={"model": "small"}, settings={"num_threads": 2})
    bench.reserve(cast("Any", configure))
    waiting = InThread(lambda: run(bench, call_of(Command.EXECUTE, program_id="p", inputs={})))
    assert waiting.waits
    run(bench, configure)
    assert waiting.end() == {"model": "small", "threads": 2}


def test_a_waiting_call_can_be_cancelled(bench: Workbench) -> None:
    bench.reserve(cast("Any", call_of(Command.CREATE_MODULE, id="m", type="predict", signature="q -> a")))
    forward = call_of(Command.FORWARD, module_id="m", inputs={})
    waiting = InThread(lambda: run(bench, forward))
    forward.cancelled = "enough"
    assert isinstance(waiting.end(), CallCancelled)


def test_defining_requests_without_an_id_are_refused_at_once(bench: Workbench) -> None:
    with pytest.raises(FaultError, match="an id \\(text\\) is wanted"):
        bench.reserve(cast("Any", call_of(Command.CREATE_MODULE, type="predict")))


def test_configurations_add_up_and_unknown_keys_are_refused(offline: LocalWorker) -> None:
    offline.call("configure", settings={"max_errors": 3})
    offline.call("configure", adapter="JSONAdapter")
    assert offline.last is not None
    found = offline.workbench.configuration(cast("Any", offline.last))
    assert found.lm is not None
    assert (found.lm.model, type(found.adapter).__name__) == ("offline", "JSONAdapter")
    assert found.options == {"max_errors": 3}
    assert offline.fault("configure", model="x").details["path"] == "$.model"
    assert "did you mean 'json'?" in offline.fault("configure", adapter="jsn").message
    assert (
        offline.fault("configure", settings={"num_threads": "2"}).details["path"] == "$.settings.num_threads"
    )
    assert offline.fault("configure", lm={"model": "x", "api_key": "k"}).details["path"] == "$.lm.api_key"
    assert offline.fault("configure", lm={"temperature": 1}).details["path"] == "$.lm.model"
    assert offline.fault("configure", lm={"model": "gpt-5", "temperature": 0.1}).details["path"] == "$.lm"


def test_names_that_stand_for_nothing_are_not_kept() -> None:
    promises: Promises[int] = Promises()
    for number in range(100):
        promise = promises.make(str(number), arrival=number)
        promises.breach(str(number), promise, Fault(FaultKind.CANCELLED, ""))
    kept = promises.make("a", arrival=100)
    promises.keep("a", kept, 1)
    gone = promises.make("a", arrival=101)
    promises.keep("a", gone, None)
    assert repr(promises) == "<Promises names=0>"
    assert promises.find("a", arrival=102) is None


def test_earlier_definitions_are_let_go(bench: Workbench) -> None:
    promises: Promises[int] = Promises()
    for number in range(5):
        promise = promises.make("a", arrival=number)
        promises.keep("a", promise, number)
    latest = promises.find("a", arrival=5)
    assert latest is not None
    assert (latest.value, latest.earlier) == (4, None)
