"""A plain host sends requests one behind the other to a worker that has a single slot."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.plain_host import Worker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


def answers_to(*requests: tuple[str, dict[str, Any]]) -> list[Any]:
    """Send all requests at once, with ids from 1; return the answers in the order of the ids."""
    worker = Worker(command_line=("--concurrency", "1"))
    with worker.process:
        try:
            for command, args in requests:
                worker.send(command, args, timeout_ms=10_000)
            answers = [worker.receive() for _ in requests]
            assert worker.close() == 0
        finally:
            worker.process.kill()
    return sorted(answers, key=lambda answer: answer["id"])


def program(result: int) -> tuple[str, dict[str, Any]]:
    return "create_program", {"id": "p", "forward_fn": f"result = {{'n': {result}}}"}


EXECUTE = ("execute", {"program_id": "p", "inputs": {}})


def test_a_call_is_not_held_up_by_definitions_that_arrive_behind_it() -> None:
    """In the one slot there is, it would wait for what waits for the slot."""
    configure = ("configure", {"settings": {"max_errors": 1}})
    found = answers_to(program(1), EXECUTE, program(2), configure, EXECUTE)
    assert [answer for answer in found if "error" in answer] == []
    assert found[-1]["result"] == {"n": 2}


def test_a_definition_that_fails_leaves_the_calls_behind_it_what_was_there() -> None:
    broken = ("create_program", {"id": "p", "forward_fn": "result = ("})
    _, failed, answer = answers_to(program(1), broken, EXECUTE)
    assert failed["error"].startswith("invalid_input: ")
    assert answer["result"] == {"n": 1}
