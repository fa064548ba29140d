"""The error tree: every error keeps what it knows, says it in one line, and crosses processes."""

from __future__ import annotations

import concurrent.futures
import copy
import inspect
import pickle
from typing import Any

import pytest

import dspash.errors
from dspash.errors import (
    BridgeError,
    CallCancelledError,
    CallTimeoutError,
    ClosedError,
    CodeExecutionError,
    CodeInterpreterError,
    ConfigurationError,
    ConflictError,
    DspashError,
    ForbiddenError,
    FrameTooLargeError,
    InternalWorkerError,
    InvalidInputError,
    InvalidRequestError,
    LimitExceededError,
    LMCallError,
    NotFoundError,
    OverloadedError,
    Problem,
    ProgramError,
    ProtocolError,
    ReentrancyError,
    ResourceError,
    SandboxUnavailableError,
    StoreBusyError,
    StoreError,
    StoreVersionError,
    SupervisorGaveUpError,
    ToolCallError,
    TransitionError,
    UnavailableError,
    UnknownCommandError,
    UnserialisableError,
    WorkerFaultError,
    WorkerLostError,
)
from dspash.supervision import CrashReport, Death, Signalled
from dspash_protocol import Fault, FaultKind, Progress

FAULT_ERRORS: list[type[WorkerFaultError]] = [
    InvalidRequestError,
    UnknownCommandError,
    NotFoundError,
    InvalidInputError,
    ProgramError,
    LMCallError,
    ToolCallError,
    UnserialisableError,
    UnavailableError,
    InternalWorkerError,
]
REPORT = CrashReport(Death("pool.0", 4, Signalled(9), ready_s=1.0), "crash 4 within 5 s (limit 3)", (), 100.0)

LINES: list[tuple[DspashError, str]] = [
    (
        ConfigurationError("workers", "-1 is not a count", "give an integer of at least 1"),
        "workers: -1 is not a count; give an integer of at least 1",
    ),
    (
        ProtocolError("the answer should be a map"),
        "the worker broke the protocol: the answer should be a map; report it if the program is your own",
    ),
    (
        SandboxUnavailableError(
            tier="strict", probe="user namespaces", cause="EPERM", way_out="allow this user to make them"
        ),
        "sandbox 'strict' is not available here: user namespaces: EPERM; allow this user to make them",
    ),
    (
        WorkerLostError(generation=3, exit=Signalled(11), progress=Progress.STARTED, request="forward"),
        (
            "worker generation 3 was killed by SIGSEGV (native code crashed) while 'forward' was in flight;"
            " the call got as far as started, so repeating it is safe"
        ),
    ),
    (
        WorkerLostError(generation=3, exit=Signalled(1), progress=Progress.SIDE_EFFECTS, stderr_tail="a\nb"),
        (
            "worker generation 3 was killed by SIGHUP before it replied;"
            " an LM call or a tool had run, so repeating the call may pay or act twice"
        ),
    ),
    (
        CallTimeoutError(timeout_s=2.5, progress=Progress.NOT_SENT),
        (
            "no answer within 2.5 s; the call got as far as not_sent, so repeating it is safe;"
            " give it a longer timeout_s"
        ),
    ),
    (
        CallCancelledError(reason="by the caller", progress=Progress.SENT),
        "cancelled: by the caller; the call got as far as sent, so repeating it is safe",
    ),
    (
        OverloadedError(queued=100, limit=100),
        "100 calls are queued and the limit is 100; retry later, or open with more workers or a longer queue",
    ),
    (
        LimitExceededError(
            limit="memory",
            used=612.25,
            allowed=512,
            unit="MiB",
            setting="memory_mb",
            progress=Progress.STARTED,
        ),
        (
            "the call was ended by its memory limit: it used 612.2 MiB of 512 MiB; fix the program or allow more with"
            " Limits(memory_mb=…); the call got as far as started, so repeating it is safe"
        ),
    ),
    (
        SupervisorGaveUpError(REPORT),
        (
            "child 'pool.0' given up at crash 4 within 5 s (limit 3): generation 4 was killed by SIGKILL"
            " (not sent by dspash: probably out of memory); fix the cause (see .report.render()) and open again"
        ),
    ),
    (ClosedError("app"), "the app is closed; open a new one"),
    (CodeInterpreterError("it has ended"), "it has ended"),
    (CodeExecutionError("KeyError: 'x' (line 2)"), "KeyError: 'x' (line 2)"),
    (
        FrameTooLargeError(size=70, limit=64),
        "a message of 70 bytes is over the limit of 64; send less or raise the frame limit",
    ),
    (
        ReentrancyError(call="app.call()", instead="use app.submit()"),
        "app.call() would wait for itself; use app.submit()",
    ),
    (InvalidRequestError("args is no map"), "args is no map; fix the request's arguments"),
    (
        UnknownCommandError("no command 'fly'"),
        "no command 'fly'; use one of the commands the worker names in its hello",
    ),
    (NotFoundError("no module 'qa'"), "no module 'qa'; create it first, or fix its name"),
    (
        InvalidInputError("not text", details={"path": "$.inputs.question"}),
        "$.inputs.question: not text; fix that value",
    ),
    (
        ProgramError("division by zero", type="ZeroDivisionError", traceback="forward, line 3"),
        "ZeroDivisionError: division by zero; fix the program (.traceback shows where)",
    ),
    (
        LMCallError("slow down", retryable=True, details={"code": "rate_limit", "retry_after": 20}),
        "rate_limit: slow down; retry later if .retryable, else check the model's name, key and limits",
    ),
    (
        ToolCallError("no index", type="OSError", details={"tool": "search"}),
        "search: no index; fix the tool, or the arguments the program gives it",
    ),
    (
        UnserialisableError("a Figure cannot travel", details={"path": "$.plot"}),
        "$.plot: a Figure cannot travel; return JSON values, bytes or DSPy types there",
    ),
    (UnavailableError("shutting down", retryable=True), "shutting down; retry later if .retryable"),
    (InternalWorkerError("no slot", traceback="dispatch, line 9"), "no slot; please report this"),
    (
        ConflictError(
            resource="Signature",
            conflict="unique",
            problem="another one has the same name",
            way_out="choose another",
        ),
        "Signature: another one has the same name; choose another",
    ),
    (
        TransitionError(
            resource="Program 7", state="draft", action="promote", fitting=["compile", "archive"]
        ),
        "Program 7 is draft, which does not admit promote; from there: compile, archive",
    ),
    (
        ForbiddenError(actor="ann", action="destroy", resource="Program"),
        "'ann' may not destroy a Program; ask whoever set the policy",
    ),
    (
        StoreError("/tmp/x.db", "file is not a database", "name another file"),
        "database /tmp/x.db: file is not a database; name another file",
    ),
    (
        StoreBusyError("/tmp/x.db", waited_s=30),
        ("database /tmp/x.db: other writers held it for 30 s; retry later, or end the program that holds it"),
    ),
    (
        StoreVersionError("/tmp/x.db", found="0009", expected="0002", way_out="install a newer dspash"),
        (
            "database /tmp/x.db: its tables are at revision 0009, and this dspash needs 0002; install a newer dspash"
        ),
    ),
]


@pytest.mark.parametrize(("error", "line"), LINES, ids=[type(error).__name__ for error, _ in LINES])
def test_every_error_says_what_and_where_and_the_way_out_in_one_line(error: DspashError, line: str) -> None:
    assert str(error) == line


@pytest.mark.parametrize(
    "error", [error for error, _ in LINES], ids=[type(error).__name__ for error, _ in LINES]
)
@pytest.mark.parametrize("through", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_every_error_survives_pickling_and_copying_with_all_it_knows(
    error: DspashError, through: Any
) -> None:
    error.add_note("seen at the edge")
    twin = through(error)
    assert type(twin) is type(error)
    assert (str(twin), twin.args, vars(twin)) == (str(error), error.args, vars(error))
    assert repr(twin) == repr(error)


def test_every_concrete_error_is_in_the_tables_above() -> None:
    abstract = {DspashError, BridgeError, ResourceError, WorkerFaultError}
    listed = {getattr(dspash.errors, name) for name in dspash.errors.__all__}
    concrete = {symbol for symbol in listed if issubclass(symbol, DspashError)} - abstract
    assert concrete == {type(error) for error, _ in LINES}


def test_all_lists_exactly_the_public_classes() -> None:
    defined = {
        name
        for name, symbol in vars(dspash.errors).items()
        if inspect.isclass(symbol)
        and symbol.__module__.startswith("dspash.errors.")
        and not name.startswith("_")
    }
    assert defined == set(dspash.errors.__all__)


def test_every_docstring_ends_with_the_callers_move() -> None:
    moves = ("fix", "wait", "retry", "report", "catch", "await", "move")
    for error in {type(error) for error, _ in LINES} | {
        DspashError,
        BridgeError,
        ResourceError,
        WorkerFaultError,
    }:
        last = (inspect.getdoc(error) or "").replace("\n", " ").split(". ")[-2:]
        assert any(move in " ".join(last).lower() for move in moves), error


def test_every_fault_kind_has_its_own_error_but_those_about_time_and_size() -> None:
    kinds = [error.kind for error in FAULT_ERRORS]
    assert len(kinds) == len(set(kinds))
    assert set(FaultKind) - set(kinds) == {FaultKind.TIMEOUT, FaultKind.CANCELLED, FaultKind.TOO_LARGE}
    assert set(FAULT_ERRORS) == set(WorkerFaultError.__subclasses__())


@pytest.mark.parametrize("error_type", FAULT_ERRORS)
def test_a_fault_becomes_its_error_field_by_field(error_type: type[WorkerFaultError]) -> None:
    fault = Fault(
        error_type.kind,
        "it broke",
        type="OSError",
        retryable=True,
        progress=Progress.SIDE_EFFECTS,
        details={"path": "$.a", "more": [1]},
        traceback="line 1\nline 2",
    )
    error = error_type(
        fault.message,
        type=fault.type,
        retryable=fault.retryable,
        progress=fault.progress,
        details=fault.details,
        traceback=fault.traceback,
    )
    fields = ("kind", "message", "type", "retryable", "progress", "details", "traceback")
    assert [getattr(error, field) for field in fields] == [getattr(fault, field) for field in fields]
    assert error.path == "$.a"


@pytest.mark.parametrize("progress", Progress)
def test_a_call_that_was_cut_off_is_retryable_until_it_acted_on_the_world(progress: Progress) -> None:
    harmless = progress is not Progress.SIDE_EFFECTS
    assert WorkerLostError(generation=1, exit=Signalled(9), progress=progress).retryable is harmless
    assert CallTimeoutError(timeout_s=1, progress=progress).retryable is harmless
    assert CallCancelledError(reason="late", progress=progress).retryable is harmless


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [
        (20, 20.0),
        (0, 0.0),
        (1.5, 1.5),
        (None, None),
        ("20", None),
        (True, None),
        (-1, None),
        (float("inf"), None),
    ],
)
def test_a_hostile_retry_after_is_no_time_to_wait(retry_after: object, expected: float | None) -> None:
    assert LMCallError("slow down", details={"retry_after": retry_after}).retry_after_s == expected


@pytest.mark.parametrize("value", [None, 7, ["$.a"]])
def test_details_of_the_wrong_type_read_as_missing(value: object) -> None:
    assert InvalidInputError("bad", details={"path": value}).path == ""
    assert LMCallError("bad", details={"code": value}).code == ""
    assert ToolCallError("bad", details={"tool": value}).tool == ""


def test_an_invalid_input_lists_every_problem_and_shows_the_first_few() -> None:
    problems = [Problem(f"$.a[{index}]", "not text") for index in range(7)]
    error = InvalidInputError.of(problems)
    assert error.problems == tuple(problems)
    assert (error.path, error.progress) == ("$.a[0]", Progress.NOT_SENT)
    assert "$.a[4]: not text; and 2 more" in str(error)


@pytest.mark.parametrize("found", [None, "x", [], [3, {"path": 1, "message": "x"}]])
def test_problems_that_a_worker_misspelt_become_the_one_that_the_message_tells(found: object) -> None:
    error = InvalidInputError("not text", details={"path": "$.a", "problems": found})
    assert error.problems == (Problem("$.a", "not text"),)


def test_one_way_out_is_told_and_the_nearest_one() -> None:
    told = InvalidInputError.of([Problem("$.folder", "it is full", "give an empty one")])
    assert str(told) == "$.folder: it is full; give an empty one"
    assert told.problems == (Problem("$.folder", "it is full", "give an empty one"),)
    absent = NotFoundError("no version 9", details={"way_out": "name another"})
    assert str(absent) == "no version 9; name another"


def test_a_place_the_message_names_already_is_not_repeated() -> None:
    assert str(InvalidInputError("$.a: not text", details={"path": "$.a"})) == "$.a: not text; fix that value"


def test_a_message_of_several_lines_is_one_line_as_text_and_whole_as_an_attribute() -> None:
    error = ProgramError("first\n  second\r\nthird", type="ValueError")
    assert str(error) == "ValueError: first second third; fix the program (.traceback shows where)"
    assert error.message == "first\n  second\r\nthird"


def test_a_repr_shows_identity_and_state_within_bounds() -> None:
    error = WorkerLostError(
        generation=3, exit=Signalled(9), progress=Progress.SENT, stderr_tail="x" * 10_000, request="ping"
    )
    assert repr(error).startswith("WorkerLostError(generation=3, exit=Signalled(signal=9, ")
    assert "request='ping', retryable=True)" in repr(error)
    assert len(repr(error)) < 500


def test_a_cancelled_call_raises_what_code_that_waits_for_futures_looks_for() -> None:
    assert issubclass(CallCancelledError, concurrent.futures.CancelledError)
