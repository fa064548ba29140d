"""Programs in workers run a model's code in interpreters of their host: apart from themselves, and for one call."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

import dspash
from dspash.errors import DspashError, ProgramError
from tests.leaks import wait_until

RUNNER = """
import os
import threading

class Runner(dspy.Module):
    def forward(self, codes, leave=False):
        interpreter = dspy.settings.interpreter_factory()
        interpreter.tools.update(own=self.own, fail=self.fail, meet=self.meet)
        self.barrier = threading.Barrier(3)
        found = []
        for code in codes:
            try:
                result = interpreter.execute(code)
                found.append(result.output if hasattr(result, 'output') else result)
            except (dspy.CodeExecutionError, SyntaxError) as error:
                found.append(f'{type(error).__name__}: {error}')
        if not leave:
            interpreter.shutdown()
        return dspy.Prediction(found=found, pid=os.getpid())

    def own(self, value):
        return [value, os.getpid()]

    def fail(self):
        raise KeyError('lost')

    def meet(self, number):
        self.barrier.wait(10)
        return number
"""


def look(key: str) -> str:
    """Look it up."""
    return f"{key} of {os.getpid()}"


@pytest.fixture(scope="module")
def app() -> Iterator[dspash.App]:
    with dspash.open(workers=1, timeout_s=20.0) as app:
        yield app


@pytest.fixture(params=["process", "strict"], scope="module")
def runner(request: pytest.FixtureRequest, app: dspash.App) -> Any:
    """A program that runs code, trusted or sandboxed itself; its interpreters are sandboxed either way."""
    return app.program(
        f"runner-{request.param}",
        source=RUNNER,
        tools={"look": look},
        sandbox=request.param,
    )


def run(runner: Any, *codes: str) -> list[Any]:
    return runner(codes=list(codes)).found


def test_code_runs_apart_from_its_program(runner: Any) -> None:
    prediction = runner(codes=["import os\nos.getppid(), os.getpid()", "x = 3", "x + 1", "sorted(globals())"])
    parent, pid = prediction.found[0]
    assert (parent, pid) == (0, 1)
    assert prediction.found[1:3] == [None, 4]
    assert "Runner" not in prediction.found[3]


def test_errors_are_those_that_dspys_modules_recover_from(runner: Any) -> None:
    assert run(runner, "1 / 0", "x = = 1", "2", "SUBMIT(7)") == [
        "CodeExecutionError: ZeroDivisionError: division by zero (line 1)",
        "SyntaxError: invalid syntax (<interpreter>, line 1)",
        2,
        {"output": 7},
    ]


def test_tools_of_the_program_run_in_its_process(runner: Any) -> None:
    prediction = runner(codes=["own({'k': 1})", "fail()", "own(object())", "own(1) + own(2)"])
    assert prediction.found[0] == [{"k": 1}, prediction.pid]
    assert prediction.found[1] == "CodeExecutionError: RuntimeError: KeyError: 'lost' (line 1)"
    assert "its arguments must be JSON values" in prediction.found[2]
    assert prediction.found[3] == [1, prediction.pid, 2, prediction.pid]


def test_tools_of_the_program_run_side_by_side_where_the_code_has_threads(runner: Any) -> None:
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(3) as pool:\n    found = list(pool.map(meet, range(3)))\nfound"
    )
    assert run(runner, code) == [[0, 1, 2]]


def test_tools_of_the_host_run_in_the_host(runner: Any) -> None:
    found = run(runner, "ask_host('look', {'key': 'a'})", "ask_host('hidden', {})", "ask_host(1, 2)")
    assert found[0] == f"a of {os.getpid()}"
    assert "RuntimeError: " in found[1]
    assert "a map of its arguments" in found[2]


def test_code_that_ends_its_process_fails_the_call_with_its_cause_and_no_other(runner: Any) -> None:
    with pytest.raises(ProgramError, match="exited with status 3"):
        run(runner, "import os\nos._exit(3)")
    assert run(runner, "1") == [1]


def test_code_that_never_ends_does_with_its_call(app: dspash.App, runner: Any) -> None:
    with pytest.raises(DspashError):
        app.run(runner, {"codes": ["while True: pass"]}, timeout_s=1.0)
    wait_until(lambda: app._parts.interpreters.open_count == 0, "its interpreter to be gone")
    assert run(runner, "1") == [1]


def test_interpreter_that_is_left_open_ends_with_its_call(app: dspash.App, runner: Any) -> None:
    app.run(runner, {"codes": ["1"], "leave": True})
    wait_until(lambda: app._parts.interpreters.open_count == 0, "its interpreter to be gone")


SPENDER = """
interpreters = [dspy.settings.interpreter_factory() for _ in range(3)]
for interpreter in interpreters:
    interpreter.execute(code)
    if ending:
        interpreter.shutdown()
result = {}
"""
COMPUTE = "import time\nuntil = time.process_time() + 0.6\nwhile time.process_time() < until: pass"
KEEP = "import time\nkept = b'k' * (140 << 20)\ntime.sleep(0.6)"  # longer than from one look to the next


@pytest.mark.parametrize(
    ("code", "ending", "limit"), [(COMPUTE, False, "cpu"), (COMPUTE, True, "cpu"), (KEEP, False, "memory")]
)
def test_what_its_interpreters_use_a_sandboxed_call_uses(
    app: dspash.App, code: str, ending: bool, limit: str
) -> None:
    limits = dspash.Limits(cpu_s=1, memory_mb=256, wall_s=20)
    spender = app.program("spender", forward_fn=SPENDER, limits=limits)
    with pytest.raises(dspash.LimitExceededError) as exceeded:
        spender(code=code, ending=ending)
    assert exceeded.value.limit == limit
    wait_until(lambda: app._parts.interpreters.open_count == 0, "its interpreters to be gone")
    assert (spender(code="1", ending=ending).usage.cpu_s or 0.0) < 1


@pytest.mark.parametrize(
    ("kind", "config"),
    [("program_of_thought", {}), ("code_act", {"max_iters": 2}), ("rlm", {"max_iters": 4})],
)
def test_modules_that_run_code_do_so_in_a_sandbox(app: dspash.App, kind: str, config: dict[str, Any]) -> None:
    def add(a: float, b: float) -> float:
        """Add two numbers."""
        return a + b

    tools = {"add": add} if kind == "code_act" else {}
    signature = "context, query -> answer" if kind == "rlm" else "question -> answer"
    module = app.module(kind, signature, tools=tools, **config)
    if kind == "rlm":
        answer = module(
            context="The sky is blue. The magic number is 42.", query="What is the magic number?"
        ).answer
        assert "42" in answer
    else:
        assert "7" in module(question="Add the numbers 3 and 4").answer
