"""Exceptions are told in one line, by whose fault they are, without secrets and without this machine's paths."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy import lm15

from dspash_protocol import Fault, FaultError, FaultKind, InvalidValueError, ReverseCommand
from dspash_protocol.signature import parse_signature
from dspash_worker.cancellation import CallCancelled
from dspash_worker.faults import MAX_MESSAGE, fault_of, of_program
from dspash_worker.secret_texts import keep_secret, redact
from dspash_worker.testing import LocalWorker


class NastyError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


def program_fault(error: BaseException) -> Fault:
    with pytest.raises(FaultError) as caught, of_program("program p"):
        raise error
    return fault_of(caught.value)


def test_kinds_by_whose_fault_it_is() -> None:
    assert fault_of(ValueError("x")).kind is FaultKind.INTERNAL
    assert program_fault(ValueError("x")).kind is FaultKind.PROGRAM_ERROR
    assert program_fault(MemoryError()).kind is FaultKind.PROGRAM_ERROR
    assert program_fault(SystemExit(1)).type == "SystemExit"
    assert fault_of(CallCancelled("enough")) == Fault(FaultKind.CANCELLED, "enough")
    assert fault_of(InvalidValueError("$.a", "bad")).details == {"path": "$.a"}
    assert fault_of(ConnectionError("gone")).kind is FaultKind.UNAVAILABLE
    given = Fault(FaultKind.TOOL_ERROR, "the tool said no", details={"tool": "search"})
    told = program_fault(FaultError(given))
    assert (told.kind, told.message, told.details["tool"]) == (
        FaultKind.TOOL_ERROR,
        "the tool said no",
        "search",
    )


def test_cancellation_is_nobodys_program_error() -> None:
    with pytest.raises(CallCancelled), of_program("program p"):
        raise CallCancelled("enough")


def test_signature_errors_name_field_and_character() -> None:
    with pytest.raises(ValueError, match="strng") as caught:
        parse_signature("q -> a: strng")
    fault = fault_of(caught.value)
    assert (fault.kind, fault.details) == (
        FaultKind.INVALID_INPUT,
        {"path": "$", "field": "a", "position": 8},
    )


def test_lm_errors_carry_code_and_retry_after() -> None:
    error = lm15.RateLimitError("slow down", provider="acme", status=429, retry_after=3)
    fault = fault_of(error)
    assert (fault.kind, fault.retryable) == (FaultKind.LM_ERROR, True)
    assert fault.details == {"code": "rate_limit", "provider": "acme", "status": 429, "retry_after": 3.0}
    assert not fault_of(dspy.LMAuthError(message="no")).retryable


def test_hosts_own_words_come_back_from_an_lm_error(scripted: Any) -> None:
    given = Fault(
        FaultKind.LM_ERROR, "quota is spent", type="BudgetSpent", details={"code": "billing", "budget": 5}
    )
    worker: LocalWorker = scripted(FaultError(given))
    worker.call("create_module", id="m", type="predict", signature="q -> a")
    fault = worker.fault("forward", module_id="m", inputs={"q": "?"})
    assert (fault.kind, fault.message, fault.type) == (FaultKind.LM_ERROR, "quota is spent", "BudgetSpent")
    assert fault.details["budget"] == 5


def test_answers_that_cannot_be_parsed_are_the_programs_error(scripted: Any) -> None:
    worker: LocalWorker = scripted("nonsense")
    worker.call("create_module", id="m", type="predict", signature="q -> a: int")
    fault = worker.fault("forward", module_id="m", inputs={"q": "?"})
    assert (fault.kind, fault.type) == (FaultKind.PROGRAM_ERROR, "AdapterParseError")
    assert "\n" not in fault.message


def test_messages_are_one_bounded_line() -> None:
    fault = program_fault(ValueError("first\n\n  second\n" + "x" * 10_000))
    assert fault.message.startswith("first / second / xxx")
    assert len(fault.message) <= MAX_MESSAGE + 1
    assert program_fault(NastyError()).message == "NastyError"
    assert program_fault(ValueError()).message == "ValueError"


def test_no_path_of_this_machine_is_told() -> None:
    places = [
        sys.prefix,
        str(Path.home() / "work"),
        str(Path(dspy.__file__).parent),
        str(Path(__file__).parents[3] / "bridge_worker"),
    ]
    fault = program_fault(FileNotFoundError(2, "No such file", os.path.join(places[0], "x.txt")))  # noqa: PTH118
    assert fault.message == "[Errno 2] No such file: '…/x.txt'"
    for place in places:
        assert place not in redact(f"looked in {place}/deep and {place}")


def test_keys_that_were_configured_are_never_told() -> None:
    keep_secret(["sk-very-secret-1", "abc"])
    fault = program_fault(ValueError("auth failed for sk-very-secret-1, abc"))
    assert fault.message == "auth failed for [secret], abc"


def test_tool_faults_pass_through_an_agent_as_observations(scripted: Any) -> None:
    worker: LocalWorker = scripted(
        {"next_thought": "t", "next_tool_name": "search", "next_tool_args": {}},
        {"next_thought": "t", "next_tool_name": "finish", "next_tool_args": {}},
        {"reasoning": "r", "answer": "a"},
    )

    def fail(_args: Any) -> Any:
        raise FaultError(Fault(FaultKind.TOOL_ERROR, "the shelf is empty"))

    worker.answers[ReverseCommand.TOOL_CALL] = fail
    worker.call("create_module", id="m", type="react", signature="q -> answer", tools=["search"])
    answer = worker.call("forward", module_id="m", inputs={"q": "?"})
    assert "the shelf is empty" in answer["trajectory"]["observation_0"]
