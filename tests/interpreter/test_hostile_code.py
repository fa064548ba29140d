"""Code that attacks the boundary: it takes the worker's own pipe and says what it may not.

Whatever it does, its own execution may end as it likes; the next one is right, or fails with its cause, and no tool runs
that the code did not call as it may.
"""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from dspash.bridge import stream_budget
from dspash.errors import CodeExecutionError, CodeInterpreterError, LimitExceededError
from dspash.sandbox import Limits

TAKE_THE_PIPE = """
import gc, json, os
from dspash_protocol import *
from dspash_worker.interpreter.line import Line
from dspash_worker.interpreter.tool_calls import ToolCalls
line = next(found for found in gc.get_objects() if isinstance(found, Line))
calls = next(found for found in gc.get_objects() if isinstance(found, ToolCalls))
current = max(line.session._open)

def say(message):
    payload = encode(message.to_map(), Codec.MSGPACK)
    write(len(payload).to_bytes(4, 'big') + payload)

def write(data):
    while data:
        try:
            data = data[os.write(line._writing, data):]
        except BlockingIOError:
            pass

def outcome(value):
    return {'kind': 'value', 'value': json.dumps(value), 'output': '', 'error': ''}

def call_tool(id, name='count', call=None, arguments='[[], {}]', alone=True):
    args = {'call': current if call is None else call, 'name': name, 'arguments': arguments, 'alone': alone}
    say(Request(id, 'interpreter.tool', args))
"""


class Counter:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        return self.calls


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def taken(interpreter: Any, counter: Counter) -> Any:
    """An interpreter whose code has the pipe in its hands, and a tool that counts its calls."""
    made = interpreter(tools={"count": counter}, limits=Limits(wall_s=2, frames=200, tool_calls=50))
    made.execute(TAKE_THE_PIPE)
    made.execute("count()")
    return made


def refresh(code: str) -> str:
    """The attack, with the id of the request that runs it."""
    return f"current = max(line.session._open)\n{code}"


def cause_of(made: Any, code: str) -> str:
    """Why the interpreter has ended."""
    with pytest.raises(CodeInterpreterError) as caught:
        made.execute(refresh(code))
    assert not isinstance(caught.value, CodeExecutionError), caught.value
    with pytest.raises(CodeInterpreterError) as again:
        made.execute("1 + 1")
    assert not isinstance(again.value, CodeExecutionError)
    return str(caught.value)


@pytest.mark.parametrize(
    ("attack", "cause"),
    [
        # answers
        ("say(Result(current + 1, outcome('forged')))", "said result"),
        ("say(Result(current - 1, outcome('forged')))", "said result"),
        ("say(Result(1, outcome('late')))", "said result"),
        ("say(ErrorReply(current, Fault(FaultKind.INTERNAL, 'forged')))", "refuses to execute: forged"),
        ("say(Result(current, 'no map'))", "makes no sense"),
        ("say(Result(current, {'kind': 'value'}))", "makes no sense"),
        ("say(Result(current, {**outcome(1), 'kind': 'win'}))", "makes no sense"),
        ("say(Result(current, {**outcome(1), 'value': 7}))", "makes no sense"),
        ("say(Result(current, {**outcome(1), 'value': '[' * 100_000}))", "nested too deeply"),
        ("say(Result(current, {**outcome(1), 'value': '1' * 10_000}))", "integer"),
        ("say(Result(current, {**outcome(1), 'value': 'nonsense'}))", "Expecting value"),
        # tools
        ("call_tool(-1)", "repeats an id"),
        ("call_tool(-2); call_tool(-2)", "repeats an id|ids are never reused"),
        ("call_tool(-5); call_tool(-4)", "repeats an id"),
        ("call_tool(7)", "wrong sign"),
        ("call_tool(-2, name='exec')", "was not offered"),
        ("call_tool(-2, call=current + 1)", "called a tool for request"),
        ("call_tool(-2, call=current - 1)", "called a tool for request"),
        ("call_tool(-2, call='x')", "makes no sense"),
        ("call_tool(-2, arguments=7)", "makes no sense"),
        ("say(Request(-2, 'tool.call', {'call': current, 'name': 'count', 'args': {}}))", "said request"),
        ("say(Request(-2, 'lm.complete', {'call': current}))", "said request"),
        ("say(Request(-2, 'interpreter.open', {}))", "said request"),
        ("for n in range(2, 99): call_tool(-n)", "more than 50 times"),
        # other words
        ("say(Event(current, 'item', 0, 'x'))", "said event"),
        ("say(Cancel(-1, 'x'))", "said cancel"),
        ("say(Notice('ready', {}))", "said notice ready"),
        ("for n in range(10_000): say(Notice('log', {}))", "said notice log"),
        # frames
        ("write(b'GET / HTTP/1.1')", "no frame begins with"),
        ("write(b'\\0\\0\\0\\x01x')", "a payload is"),
        ("write(b'\\0\\x20\\0\\0'); write(bytes(2 << 20))", "over the limit"),
        ("write(b'\\0\\0\\0\\xff'); os._exit(0)", "exited with status 0"),
        ("write(b'\\0\\0\\0\\xff')\nwhile True: pass", "exceeded its wall limit of 2 s"),
        # the pipe itself
        ("os.close(line._writing); os.close(line._reading) if line._reading != line._writing else None", ""),
        ("os.dup2(os.open('/dev/null', os.O_RDWR), line._writing)\nwhile True: pass", ""),
    ],
)  # fmt: skip
def test_what_may_not_be_said_ends_the_interpreter_with_its_cause(
    taken: Any, attack: str, cause: str
) -> None:
    assert re.search(cause, cause_of(taken, attack))


def test_a_forged_answer_is_no_answer_of_the_next_execution(taken: Any) -> None:
    assert taken.execute(refresh("say(Result(current, outcome('forged')))\n'true'")) == "forged"
    with pytest.raises(CodeInterpreterError, match=r"spoke between two executions|said result"):
        taken.execute("'next'")


def test_answers_laid_in_for_later_executions_are_no_answers(taken: Any) -> None:
    code = "for n in range(1, 5): say(Result(current + n, outcome('forged')))\n'true'"
    with pytest.raises(CodeInterpreterError, match="said result"):
        taken.execute(refresh(code))


def test_a_thread_that_hides_and_speaks_later_is_found(interpreter: Any) -> None:
    made = interpreter()
    made.execute(TAKE_THE_PIPE)
    code = (
        "import _thread, time\n"
        "def later():\n    time.sleep(0.05)\n    say(Result(current + 1, outcome('forged')))\n    time.sleep(9)\n"
        "ident = _thread.start_new_thread(later, ())"
    )

    def go_on() -> None:
        for attempt in (code, *["1 + 1"] * 500):  # one that has not begun to run yet is found when it has
            assert made.execute(attempt) in (None, 2)

    with pytest.raises(CodeInterpreterError, match=r"left threads running|spoke between two|said result"):
        go_on()


def test_a_replayed_tool_call_runs_nothing(taken: Any, counter: Counter) -> None:
    assert counter.calls == 1
    cause_of(taken, "call_tool(-1); call_tool(-1)")
    assert counter.calls == 1


def test_a_tool_that_is_not_offered_any_more_is_not_run(taken: Any, counter: Counter) -> None:
    del taken.tools["count"]
    assert "was not offered" in cause_of(taken, "call_tool(-2)")
    assert counter.calls == 1


def test_code_that_answers_before_its_tool_has_is_not_believed(interpreter: Any) -> None:
    import threading

    go_on = threading.Event()
    made = interpreter(tools={"count": lambda: go_on.wait(5.0)})
    made.execute(TAKE_THE_PIPE)
    attack = "call_tool(-1, alone=False)\nsay(Result(current, outcome('forged')))\nwhile True: pass"
    assert "while tools that it had called were running" in cause_of(made, attack)
    go_on.set()


def test_a_worker_that_speaks_between_executions_runs_no_more(interpreter: Any) -> None:
    made = interpreter()
    made.execute(TAKE_THE_PIPE)
    answered = made.execute(
        refresh("say(Result(current, outcome('early')))\nwhile True: say(Notice('log', {}))")
    )
    assert answered == "early"
    with pytest.raises(CodeInterpreterError, match=r"spoke between two executions|said notice log"):
        made.execute("1")


def test_native_output_is_kept_up_to_its_limit(interpreter: Any) -> None:
    made = interpreter(limits=Limits(output_mb=1, wall_s=5))
    assert made.execute("import os\nn = os.write(2, b'a line\\n')") == "a line"
    with pytest.raises(CodeInterpreterError, match="written to stdout and stderr, over the limit"):
        made.execute("while True: os.write(1, b'x' * 65536)")


def test_python_output_is_kept_up_to_its_limit_and_the_rest_costs_nothing(interpreter: Any) -> None:
    made = interpreter(limits=Limits(frame_mb=1))
    printed = made.execute("for _ in range(64): print('x' * 2**20)")
    assert printed.endswith(f"[{64 * (2**20 + 1) - 2**19} more bytes were printed and are not shown]")
    assert made.execute("1") == 1


def test_a_value_over_the_limit_is_the_codes_to_mend(interpreter: Any) -> None:
    made = interpreter(limits=Limits(frame_mb=1))
    with pytest.raises(CodeExecutionError, match="return or print less"):
        made.execute("'x' * 2**21")
    assert made.execute("1") == 1


def test_time_that_tools_take_is_not_the_codes(interpreter: Any) -> None:
    made = interpreter(tools={"wait": lambda: time.sleep(0.6)}, limits=Limits(wall_s=0.3, total_s=5))
    assert made.execute("wait()\n'done'") == "done"
    with pytest.raises(CodeInterpreterError, match=r"wall limit of 0\.3 s"):
        made.execute("while True: pass")


def test_two_interpreters_know_nothing_of_each_other(interpreter: Any) -> None:
    first, second = interpreter(), interpreter()
    first.execute("secret = 'one'\nimport builtins\nbuiltins.print = None")
    with pytest.raises(CodeExecutionError, match="NameError"):
        second.execute("secret")
    assert second.execute("print('still')") == "still"


def test_interpreters_do_not_draw_the_same_random_numbers(interpreter: Any) -> None:
    draw = "import random, secrets\n[random.random(), secrets.token_hex()]"
    one, two = interpreter().execute(draw), interpreter().execute(draw)
    assert one[0] != two[0]
    assert one[1] != two[1]


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("wall", "import time\ntime.sleep(30)"),
        ("cpu", "while True: pass"),
        ("output", "import os\nwhile True: os.write(1, b'x' * 65536)"),
        ("tool_calls", "while True: count()"),
    ],
)
def test_limit_that_was_passed_is_named(interpreter: Any, counter: Counter, limit: str, code: str) -> None:
    limits = Limits(wall_s=2, cpu_s=0.5, output_mb=1, tool_calls=20)
    made = interpreter(tools={"count": counter}, limits=limits)
    with pytest.raises(CodeInterpreterError) as caught:
        made.execute(code)
    cause = caught.value.__cause__
    assert isinstance(cause, LimitExceededError)
    assert cause.limit == limit


def test_words_that_are_long_to_read_are_read_for_a_bounded_time(
    interpreter: Any, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_budget, "READING_S", 0.1)
    made = interpreter(tools={"count": counter})
    assert made.execute("count()") == 1
    asking = """
padding = b'\\xa7padding\\xdd' + (900_000).to_bytes(4, 'big') + b'\\x90' * 900_000
for id in range(-2, -30, -1):
    args = {'call': current, 'name': 'count', 'arguments': '[[], {}]', 'alone': True}
    payload = encode(Request(id, 'interpreter.tool', args).to_map(), Codec.MSGPACK)
    payload = bytes([payload[0] + 1]) + payload[1:] + padding  # one member more
    write(len(payload).to_bytes(4, 'big') + payload)
"""
    with pytest.raises(CodeInterpreterError, match="takes too much of its host's time") as caught:
        made.execute(TAKE_THE_PIPE + asking)
    cause = caught.value.__cause__
    assert isinstance(cause, LimitExceededError)
    assert cause.limit == "reading"
    assert counter.calls < 29


def test_cpu_time_is_that_of_one_execution(interpreter: Any) -> None:
    made = interpreter(limits=Limits(cpu_s=1, wall_s=5))
    burn = "import time\nend = time.thread_time() + 0.6\nwhile time.thread_time() < end: pass"
    for _ in range(3):
        made.execute(burn)


def test_memory_that_is_not_given_is_the_codes_error(interpreter: Any) -> None:
    made = interpreter(limits=Limits(memory_mb=256))
    with pytest.raises(CodeExecutionError, match="MemoryError"):
        made.execute("x = bytearray(2**30)")
    assert made.execute("1") == 1
