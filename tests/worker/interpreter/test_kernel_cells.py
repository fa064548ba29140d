"""The interpreter worker, spoken to in frames: cells, variables, SUBMIT, output, tools and what is refused."""

from __future__ import annotations

import json
import sys
from typing import Any, Protocol

import pytest

from dspash_protocol import Codec, ErrorReply, Fault, FaultKind, Request, Result
from dspash_protocol.interpreter import Cell, Outcome, OutcomeKind

ENTRY = [sys.executable, "-P", "-m", "dspash_worker.interpreter"]


class Host(Protocol):
    """What these tests use of the shell's host."""

    stderr: str

    def ask(self, command: str, args: Any = None) -> int: ...
    def result(self, request_id: int) -> Any: ...
    def fault(self, request_id: int) -> Fault: ...
    def request(self) -> Request: ...
    def send(self, message: Any) -> None: ...
    def send_raw(self, message: dict[str, Any]) -> None: ...
    def greet(self, **args: Any) -> dict[str, Any]: ...
    def close(self) -> None: ...
    def write(self, data: bytes) -> None: ...
    def close_writing(self) -> None: ...
    def exit_code(self) -> int: ...


@pytest.fixture
def host(start_shell: Any) -> Host:
    """An interpreter worker whose interpreter is open."""
    host = start_shell(entry=ENTRY, link="socketpair")
    host.greet()
    host.result(host.ask("interpreter.open"))
    return host


def run(host: Host, code: str, **given: Any) -> Outcome:
    variables = json.dumps(given.pop("variables", {}))
    cell = Cell(code, variables, **given)
    return Outcome.from_map(host.result(host.ask("interpreter.execute", cell.to_map())))


def value_of(host: Host, code: str, **given: Any) -> Any:
    outcome = run(host, code, **given)
    assert outcome.kind is OutcomeKind.VALUE, outcome
    return json.loads(outcome.value)


def error_of(host: Host, code: str, **given: Any) -> str:
    outcome = run(host, code, **given)
    assert outcome.kind is OutcomeKind.ERROR, outcome
    return outcome.error


def test_value_is_that_of_the_last_expression(host: Host) -> None:
    assert value_of(host, "x = 20\nx + 1") == 21
    assert value_of(host, "x = 5") is None
    assert value_of(host, "x") == 5
    assert value_of(host, "") is None


def test_integers_of_any_length_and_odd_texts_travel(host: Host) -> None:
    big = 2**200
    assert value_of(host, "given + 1", variables={"given": big}) == big + 1
    assert value_of(host, "chr(0xd800) + 'é'") == "\ud800é"
    assert value_of(host, "given", variables={"given": "a\ud800"}) == "a\ud800"


def test_value_that_is_no_json_is_told_by_its_repr(host: Host) -> None:
    assert value_of(host, "{1}") == "{1}"
    assert value_of(host, "float('nan')") == "nan"


def test_what_is_printed_comes_beside_the_value(host: Host) -> None:
    outcome = run(
        host, "import sys\nprint('one')\nprint('two', file=sys.stderr)\nsys.stdout.buffer.write(b'3')"
    )
    assert outcome.output == "one\ntwo\n3"
    assert run(host, "sys.stdout.close()\nsys.stdout = None\n1").output == ""
    assert run(host, "print('again')").output == "again"


def test_output_over_the_limit_is_counted_and_dropped(start_shell: Any) -> None:
    host = start_shell(entry=ENTRY)
    host.greet()
    host.result(host.ask("interpreter.open", {"output_bytes": 10}))
    outcome = run(host, "print('x' * 25)")
    assert outcome.output == "x" * 10 + "\n[16 more bytes were printed and are not shown]"
    assert run(host, "print('y')").output == "y"


def test_error_says_type_text_and_line_and_state_stands(host: Host) -> None:
    assert error_of(host, "kept = 1\n1 / 0") == "ZeroDivisionError: division by zero (line 2)"
    assert value_of(host, "kept") == 1


def test_exit_is_only_an_outcome(host: Host) -> None:
    assert error_of(host, "import sys\nsys.exit(3)") == "SystemExit: 3 (line 2)"
    assert value_of(host, "1") == 1


def test_error_whose_text_fails_is_still_told(host: Host) -> None:
    code = "class E(Exception):\n    def __str__(self): raise ValueError\nraise E"
    assert error_of(host, code) == "E: its text could not be had: ValueError (line 3)"


@pytest.mark.parametrize("code", ["def", "x = = 1", "return 1", "'\0'"])
def test_what_is_no_python_runs_nothing(host: Host, code: str) -> None:
    outcome = run(host, code)
    assert outcome.kind in (OutcomeKind.SYNTAX, OutcomeKind.ERROR)
    assert outcome.error


def test_syntax_error_of_the_codes_own_doing_is_an_error(host: Host) -> None:
    assert error_of(host, "eval('1 +')").startswith("SyntaxError: ")


def test_await_may_stand_outside_functions(host: Host) -> None:
    code = "import asyncio\nq = asyncio.Event()\nq.set()\nawait q.wait()\nawait asyncio.sleep(0, 7)"
    assert value_of(host, code) == 7


def test_code_is_the_main_module_of_a_script(host: Host) -> None:
    assert (
        value_of(host, "import pickle\nclass A: pass\npickle.loads(pickle.dumps(A)) is A and __name__")
        == "__main__"
    )


def test_worker_flags_do_not_leak_into_code(host: Host) -> None:
    assert value_of(host, "def f(x: 1 + 1): pass\nf.__annotations__['x']") == 2


def test_texts_come_as_they_are_and_long_ones_are_kept(host: Host) -> None:
    long, short = "ü" * 65_536, "short"
    assert value_of(host, "len(a + b)", texts={"a": long, "b": short}) == 65_541
    value_of(host, "a = b = 'changed'")
    assert value_of(host, "a[0] * 2 + b", kept=("a",)) == "üüchanged"
    fault = host.fault(host.ask("interpreter.execute", Cell("b", kept=("b",)).to_map()))
    assert (fault.kind, fault.details["path"]) == (FaultKind.INVALID_INPUT, "$.kept")


# --- SUBMIT ---


def test_submit_ends_the_cell_with_its_values(host: Host) -> None:
    outcome = run(host, "SUBMIT(1, [2])\nnever = 1", output_fields=("a", "b"))
    assert (outcome.kind, json.loads(outcome.value)) == (OutcomeKind.FINAL, {"a": 1, "b": [2]})
    assert error_of(host, "never").startswith("NameError")
    assert json.loads(run(host, "SUBMIT('x')").value) == {"output": "x"}


def test_submit_passes_by_except_exception(host: Host) -> None:
    code = "try:\n    SUBMIT(1)\nexcept Exception:\n    SUBMIT(2)"
    assert json.loads(run(host, code).value) == {"output": 1}


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("SUBMIT()", "a, b is missing"),
        ("SUBMIT(1, 2, 3)", "3 values were given"),
        ("SUBMIT(1, b=2)", "all by position or all by name"),
        ("SUBMIT(a=1, c=2)", "b is missing"),
        ("SUBMIT(a=1, b=2, c=3)", "c is none of them"),
    ],
)
def test_submit_takes_its_fields_exactly(host: Host, call: str, problem: str) -> None:
    error = error_of(host, call, output_fields=("a", "b"))
    assert error.startswith("TypeError: SUBMIT takes a, b")
    assert problem in error


def test_submit_of_an_earlier_cell_ends_no_later_one(host: Host) -> None:
    value_of(host, "old = SUBMIT")
    assert error_of(host, "old(1)") == "RuntimeError: SUBMIT belongs to an earlier execution"


def test_submitted_values_take_their_plain_form_each_by_itself(host: Host) -> None:
    code = (
        "import datetime, dataclasses\n"
        "@dataclasses.dataclass\nclass P:\n    x: int\n"
        "class Odd:\n    def __repr__(self): return 'odd'\n"
        "SUBMIT({3, 1}, datetime.date(2024, 1, 2), P(4), Odd())"
    )
    outcome = run(host, code, output_fields=("s", "d", "p", "o"))
    assert json.loads(outcome.value) == {"s": [1, 3], "d": "2024-01-02", "p": {"x": 4}, "o": "odd"}


# --- tools ---


def test_tool_call_is_asked_and_answered(host: Host) -> None:
    request_id = host.ask("interpreter.execute", Cell("1 + look(2, key='ü')", tools=("look",)).to_map())
    asked = host.request()
    assert (asked.id, asked.command) == (-1, "interpreter.tool")
    assert asked.args == {
        "call": request_id,
        "name": "look",
        "arguments": '[[2], {"key": "ü"}]',
        "alone": True,
    }
    host.send(Result(asked.id, "40"))
    assert host.result(request_id)["value"] == "41"


def test_tool_that_fails_raises_in_the_code(host: Host) -> None:
    request_id = host.ask("interpreter.execute", Cell("look()", tools=("look",)).to_map())
    host.send(ErrorReply(host.request().id, Fault(FaultKind.TOOL_ERROR, "KeyError: 'x'")))
    assert host.result(request_id)["error"] == "RuntimeError: KeyError: 'x' (line 1)"


def test_tools_called_from_threads_get_their_own_answers(host: Host) -> None:
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(4) as pool:\n    found = list(pool.map(look, range(4)))\n"
        "found"
    )
    request_id = host.ask("interpreter.execute", Cell(code, tools=("look",)).to_map())
    asked = [host.request() for _ in range(4)]
    assert not any(request.args["alone"] for request in asked)
    for request in reversed(asked):
        ((number,), _) = json.loads(request.args["arguments"])
        host.send(Result(request.id, json.dumps(number * 10)))
    assert json.loads(host.result(request_id)["value"]) == [0, 10, 20, 30]


def test_tool_of_an_earlier_cell_is_refused_before_it_is_asked(host: Host) -> None:
    value_of(host, "old = look", tools=("look",))
    assert "offered to an earlier execution" in error_of(host, "old()")
    assert error_of(host, "look").startswith("NameError")


def test_arguments_that_cannot_travel_are_the_codes_error(host: Host) -> None:
    assert error_of(host, "look(object())", tools=("look",)).startswith("TypeError: look: its arguments")


def test_requests_that_come_while_code_waits_are_served_after_it(host: Host) -> None:
    first = host.ask("interpreter.execute", Cell("look()", tools=("look",)).to_map())
    asked = host.request()
    ping = host.ask("ping", {"payload": 1})
    host.send(Result(asked.id, "7"))
    assert host.result(first)["value"] == "7"
    assert host.result(ping) == {"payload": 1}


# --- threads and processes of the code ---


def test_threads_left_running_break_the_interpreter(host: Host) -> None:
    code = (
        "import threading\nthreading.Thread(target=threading.Event().wait, name='stray', daemon=True).start()"
    )
    outcome = run(host, code)
    assert outcome.kind is OutcomeKind.BROKEN
    assert outcome.error == "the code left threads running: stray"


def test_child_of_the_code_cannot_speak_for_it(host: Host) -> None:
    code = "import os\npid = os.fork()\nif pid == 0:\n    1\nelse:\n    os.waitpid(pid, 0)[0] == pid"
    assert value_of(host, code) is None
    assert value_of(host, "1") == 1


# --- requests ---


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ({}, "$.code"),
        ({"code": 1}, "$.code"),
        ({"code": "", "tools": "x"}, "$.tools"),
        ({"code": "", "tools": ["SUBMIT"]}, "$.tools"),
        ({"code": "", "variables": "["}, "$.variables"),
        ({"code": "", "variables": "[]"}, "$.variables"),
        ({"code": "", "variables": '{"SUBMIT": 1}'}, "$.variables"),
        ({"code": "", "variables": '{"t": 1}', "tools": ["t"]}, "$.variables"),
        ({"code": "", "output_fields": [1]}, "$.output_fields[0]"),
        ({"code": "", "texts": ["x"]}, "$.texts"),
        ({"code": "", "texts": {"x": 1}}, "$.texts.x"),
        ({"code": "", "texts": {"SUBMIT": "x"}}, "$.variables"),
        ({"code": "", "kept": ["x"]}, "$.kept"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_path(host: Host, args: Any, path: str) -> None:
    fault = host.fault(host.ask("interpreter.execute", args))
    assert (fault.kind, fault.details["path"]) == (FaultKind.INVALID_INPUT, path)
    assert value_of(host, "1") == 1


def test_commands_out_of_place_are_refused(host: Host, start_shell: Any) -> None:
    assert host.fault(host.ask("interpreter.open")).kind is FaultKind.INVALID_REQUEST
    assert host.fault(host.ask("forward")).kind is FaultKind.UNKNOWN_COMMAND
    unopened = start_shell(entry=ENTRY)
    unopened.greet()
    assert unopened.fault(unopened.ask("interpreter.execute", {"code": ""})).kind is FaultKind.INVALID_REQUEST
    fault = unopened.fault(unopened.ask("interpreter.open", {"output_bytes": -1}))
    assert fault.details["path"] == "$.output_bytes"


def test_result_over_the_frame_limit_asks_for_less(start_shell: Any) -> None:
    host = start_shell(entry=ENTRY)
    host.greet(max_frame=4096)
    host.result(host.ask("interpreter.open"))
    assert "over the limit of 4096: return or print less" in error_of(host, "'x' * 5000")
    assert value_of(host, "1") == 1


def test_plain_host_gets_values_and_no_tools(start_shell: Any) -> None:
    host = start_shell(entry=ENTRY, codec=Codec.JSON)
    host.result(host.ask("interpreter.open"))
    assert value_of(host, "6 * 7") == 42
    assert "cannot be sent in a plain session" in error_of(host, "look()", tools=("look",))


@pytest.mark.parametrize("command", ["interpreter.close", "shutdown"])
def test_worker_ends_when_asked_to(host: Host, command: str) -> None:
    host.result(host.ask(command))
    assert host.exit_code() == 0


def test_worker_ends_with_its_pipe(host: Host) -> None:
    host.close()
    assert host.exit_code() == 0


def test_worker_ends_with_its_pipe_inside_a_frame(start_shell: Any) -> None:
    host = start_shell(entry=ENTRY, link="socketpair")
    host.greet()
    host.write(b"\0\0\0\x09half")
    host.close_writing()
    assert host.exit_code() == 3
