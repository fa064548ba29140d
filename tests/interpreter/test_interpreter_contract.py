"""What DSPy's modules count on: the same expectations of our interpreter and of DSPy's LocalInterpreter."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

import dspy
import pytest
from dspy.utils.callback import BaseCallback

BOUND_S = 10.0


def test_it_is_an_interpreter_to_dspy(either: Any) -> None:
    made: Any = either()
    assert isinstance(cast("object", made), dspy.CodeInterpreter)
    assert isinstance(type(made).execution_instructions, str)
    assert made.tools == {}
    assert made.output_fields is None


def test_names_last_from_one_execution_to_the_next(either: Any) -> None:
    made = either()
    assert made.execute("import math\nx = 3") is None
    assert made.execute("def twice(n):\n    return 2 * n\ntwice(x) + math.floor(0.5)") == 6
    assert made("x") == 3


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("1 + 1", 2),
        ("'text'", "text"),
        ("[1, {'a': None}]", [1, {"a": None}]),
        ("(1, 2)", [1, 2]),
        ("2 ** 100", 2**100),
        ("{3}", "{3}"),
        ("float('inf')", "inf"),
        ("print('a')\nprint('b')", "a\nb"),
        ("print('a')\n5", 5),
        ("x = 1", None),
        ("", None),
        ("# nothing", None),
        ("import sys\nsys.stderr.write('e\\n')\nNone", "e"),
        ("import os\nn = os.write(1, b'native\\n')", "native"),
    ],
)
def test_result_is_the_last_value_or_what_was_printed(either: Any, code: str, result: Any) -> None:
    assert either().execute(code) == result


def test_variables_are_globals_and_take_their_plain_form(either: Any) -> None:
    made = either()
    variables = {"a": [1, (2, "é\U0001f600")], "b": {"k": None}, "c": 2**70, "d": 0.1, "e": "x" * 2**20}
    result = made.execute("[a, b, c, d, len(e)]", variables)
    assert result == [[1, [2, "é\U0001f600"]], {"k": None}, 2**70, 0.1, 2**20]
    assert made.execute("c", variables={"d": 1}) == 2**70


def test_variables_are_what_was_given_each_time(either: Any) -> None:
    made, text = either(), "long " * 30_000
    for _ in range(3):
        assert made.execute("seen = len(text)\ntext = 'changed'\nseen", {"text": text}) == 150_000
    assert made.execute("text") == "changed"
    assert made.execute("text", {"text": text + "!"}) == text + "!"
    assert made.execute("text", {"text": "a\ud800"}) == "a\ud800"


@pytest.mark.parametrize("name", ["1x", "for", "SUBMIT", "__builtins__", "look", ""])
def test_variables_that_cannot_be_named_so_are_refused(either: Any, name: str) -> None:
    made = either(tools={"look": str})
    with pytest.raises(dspy.CodeInterpreterError) as caught:
        made.execute("1", {name: 1})
    assert not isinstance(caught.value, dspy.CodeExecutionError)
    assert made.execute("1") == 1


@pytest.mark.parametrize("value", [object(), float("nan"), {(1, 2): 3}])
def test_variables_without_a_plain_form_are_refused(either: Any, value: object) -> None:
    made = either()
    with pytest.raises(dspy.CodeInterpreterError, match="JSON-compatible"):
        made.execute("1", {"x": value})
    assert made.execute("1") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"tools": {"not a name": str}},
        {"tools": {"for": str}},
        {"tools": {"SUBMIT": str}},
        {"output_fields": [{}]},
        {"output_fields": [{"name": "a"}, {"name": "a"}]},
        {"output_fields": [{"name": "a b"}]},
        {"execution_timeout": 0},
    ],
)
def test_arguments_that_do_not_fit_are_refused_at_once(either: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"name|positive"):
        either(**wrong)


# --- errors ---


def test_code_that_raises_is_recoverable(either: Any) -> None:
    made = either()
    with pytest.raises(dspy.CodeExecutionError, match="ZeroDivisionError: division by zero"):
        made.execute("kept = 1\n1 / 0")
    with pytest.raises(dspy.CodeExecutionError, match="NameError: name 'missing'"):
        made.execute("missing")
    with pytest.raises(dspy.CodeExecutionError, match="SystemExit"):
        made.execute("raise SystemExit(0)")
    assert made.execute("kept") == 1


def test_code_that_is_no_python_is_a_syntax_error(either: Any) -> None:
    made = either()
    with pytest.raises(SyntaxError, match="line 1"):
        made.execute("x = = 1")
    assert made.execute("1") == 1


@pytest.mark.parametrize("code", ["import os\nos._exit(3)", "import ctypes\nctypes.string_at(0)"])
def test_process_that_ends_is_the_end_of_the_interpreter(either: Any, code: str) -> None:
    made = either()
    for attempt in (code, "1"):
        with pytest.raises(dspy.CodeInterpreterError) as caught:
            made.execute(attempt)
        assert not isinstance(caught.value, dspy.CodeExecutionError)


def test_time_that_is_up_is_the_end_of_the_interpreter(either: Any) -> None:
    made = either(execution_timeout=0.3)
    for attempt in ("while True: pass", "1"):
        with pytest.raises(dspy.CodeInterpreterError) as caught:
            made.execute(attempt)
        assert not isinstance(caught.value, dspy.CodeExecutionError)


def test_threads_left_running_are_the_end_of_the_interpreter(either: Any) -> None:
    made = either()
    code = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
    with pytest.raises(dspy.CodeInterpreterError, match="threads running"):
        made.execute(code)
    with pytest.raises(dspy.CodeInterpreterError):
        made.execute("1")


def test_interpreter_that_was_shut_down_stays_so(either: Any) -> None:
    made = either()
    assert made.execute("1") == 1
    made.shutdown()
    made.shutdown()
    for use in (made.start, lambda: made.execute("1")):
        with pytest.raises(dspy.CodeInterpreterError, match="shut down"):
            use()


def test_interpreter_that_never_started_can_be_shut_down(either: Any) -> None:
    made = either()
    made.shutdown()
    with pytest.raises(dspy.CodeInterpreterError, match="shut down"):
        made.execute("1")


def test_starting_twice_is_starting_once(either: Any) -> None:
    made = either()
    made.start()
    made.execute("x = 1")
    made.start()
    assert made.execute("x") == 1
    with made as same:
        assert same.execute("x") == 1
    with pytest.raises(dspy.CodeInterpreterError):
        made.execute("x")


def test_two_executions_at_once_are_refused(either: Any) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def wait() -> str:
        arrived.set()
        assert go_on.wait(BOUND_S)
        return "done"

    made = either(tools={"wait": wait})
    found: list[Any] = []
    first = threading.Thread(target=lambda: found.append(made.execute("wait()")))
    first.start()
    assert arrived.wait(BOUND_S)
    with pytest.raises(dspy.CodeInterpreterError, match="active execution"):
        made.execute("1")
    go_on.set()
    first.join(BOUND_S)
    assert found == ["done"]


# --- SUBMIT ---


def test_submit_ends_the_execution_with_a_final_output(either: Any) -> None:
    made = either(output_fields=[{"name": "answer", "type": "int"}, {"name": "why"}])
    assert made.execute("SUBMIT(1, 'so')\nnever = 1") == dspy.primitives.FinalOutput(
        {"answer": 1, "why": "so"}
    )
    assert made.execute("SUBMIT(why='so', answer=[1])").output == {"answer": [1], "why": "so"}
    assert isinstance(made.execute("SUBMIT(1, 2)"), dspy.primitives.FinalOutput)
    for wrong in ("SUBMIT(1)", "SUBMIT(1, 2, 3)", "SUBMIT(answer=1)", "SUBMIT(1, why=2)", "never"):
        with pytest.raises(dspy.CodeExecutionError):
            made.execute(wrong)
    made.output_fields = None
    assert made.execute("SUBMIT({'answer': 1})").output == {"output": {"answer": 1}}
    with pytest.raises(dspy.CodeExecutionError, match="one output value"):
        made.execute("SUBMIT()")


def test_submit_passes_by_except_exception(either: Any) -> None:
    code = "try:\n    SUBMIT(1)\nexcept Exception:\n    SUBMIT(2)"
    assert either().execute(code).output == {"output": 1}


# --- tools ---


def test_tools_take_and_return_plain_values(either: Any) -> None:
    made = either(tools={"join": lambda *parts, sep="-": sep.join(parts), "echo": lambda value: value})
    assert made.execute("join('a', 'b', sep='+')") == "a+b"
    assert made.execute("echo({'k': [1, 2.5, None, 'é']})") == {"k": [1, 2.5, None, "é"]}
    assert made.execute("echo(None)") is None


def test_tools_that_fail_raise_in_the_code(either: Any) -> None:
    def fail() -> None:
        raise KeyError("lost")

    made = either(tools={"fail": fail, "odd": object})
    code = "try:\n    fail()\nexcept RuntimeError as error:\n    seen = str(error)\nseen"
    assert made.execute(code) == "KeyError: 'lost'"
    with pytest.raises(dspy.CodeExecutionError, match="KeyError: 'lost'"):
        made.execute("fail()")
    with pytest.raises(dspy.CodeExecutionError):
        made.execute("odd()")
    with pytest.raises(dspy.CodeExecutionError):
        made.execute("fail(1)")
    with pytest.raises(dspy.CodeExecutionError, match="TypeError"):
        made.execute("fail(object())")


def test_tools_may_change_between_executions(either: Any) -> None:
    made = either(tools={"one": lambda: 1})
    assert made.execute("one()") == 1
    made.tools["two"] = lambda: 2
    assert made.execute("one() + two()") == 3
    del made.tools["one"]
    with pytest.raises(dspy.CodeExecutionError, match="NameError"):
        made.execute("one()")


def test_tools_called_from_threads_run_side_by_side(either: Any) -> None:
    all_here = threading.Barrier(3)

    def meet(number: int) -> int:
        all_here.wait(BOUND_S)
        return number * 10

    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(3) as pool:\n    found = list(pool.map(meet, range(3)))\nfound"
    )
    assert either(tools={"meet": meet}).execute(code) == [0, 10, 20]


def test_async_tools_are_awaited(either: Any) -> None:
    async def later() -> int:
        await asyncio.sleep(0)
        return 7

    made = either(tools={"later": later})
    assert made.execute("later()") == 7

    async def run() -> Any:
        return made.execute("later()")

    assert asyncio.run(run()) == 7


def test_tools_see_the_callers_context(either: Any) -> None:
    made = either(tools={"model": lambda: dspy.settings.get("marked")}, execution_timeout=BOUND_S)
    with dspy.context(marked="here"):
        assert made.execute("model()") == "here"


def test_interrupt_in_a_tool_reaches_the_caller_and_ends_the_interpreter(either: Any) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    for timeout in (None, BOUND_S):
        made = either(tools={"interrupt": interrupt}, execution_timeout=timeout)
        with pytest.raises(KeyboardInterrupt):
            made.execute("interrupt()")
        with pytest.raises(dspy.CodeInterpreterError):
            made.execute("1")


def test_time_spent_in_tools_counts_for_the_timeout(either: Any) -> None:
    go_on = threading.Event()
    made = either(tools={"wait": lambda: go_on.wait(BOUND_S)}, execution_timeout=0.3)
    with pytest.raises(dspy.CodeInterpreterError):
        made.execute("wait()")
    go_on.set()


# --- callbacks ---


class Recorder(BaseCallback):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_interpreter_startup_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.seen.append("startup")

    def on_interpreter_execute_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.seen.append(f"execute {inputs['code']}")

    def on_interpreter_tool_call_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.seen.append(f"tool {inputs['tool_name']} {inputs['args']} {inputs['kwargs']}")

    def on_interpreter_execute_end(
        self, call_id: str, outputs: Any, exception: BaseException | None = None
    ) -> None:
        self.seen.append(f"executed {outputs} {type(exception).__name__}")

    def on_interpreter_shutdown_end(
        self, call_id: str, outputs: Any, exception: BaseException | None = None
    ) -> None:
        self.seen.append("shutdown")


def test_callbacks_are_told(either: Any) -> None:
    recorder = Recorder()
    made = either(tools={"look": lambda key: key}, callbacks=[recorder])
    made.execute("look(key=1)")
    with pytest.raises(dspy.CodeExecutionError):
        made.execute("1 / 0")
    made.shutdown()
    assert recorder.seen == [
        "execute look(key=1)",
        "startup",
        "tool look [] {'key': 1}",
        "executed 1 NoneType",
        "execute 1 / 0",
        "executed None CodeExecutionError",
        "shutdown",
    ]
