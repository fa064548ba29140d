"""Interpreters without DSPy, in threads, forks and dying hosts: nothing is loaded that need not be, nothing is left."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

import dspash
from dspash.bridge.nursery import NoZygoteError, Nursery
from dspash.interpreter.foundry import close_shared
from dspash.sandbox import Tier
from tests.leaks import no_leaks, wait_until
from tests.ordinary_user import make_home
from tests.sandbox.inside import run_as_ordinary_user

REPOSITORY = Path(__file__).resolve().parents[2]
BOUND_S = 20.0


def run_python(script: str, *, bound_s: float = BOUND_S) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        timeout=bound_s,
        check=False,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_works_where_dspy_is_never_loaded() -> None:
    script = """
import sys
import dspash
with dspash.Interpreter(tools={"look": lambda key: key * 2}) as interpreter:
    print(interpreter.execute("look(21)"))
    print(repr(interpreter.execute("SUBMIT(1)")))
    try:
        interpreter.execute("1 / 0")
    except dspash.CodeExecutionError as error:
        print(type(error).__mro__[1].__name__, error)
try:
    interpreter.execute("1")
except dspash.CodeInterpreterError as error:
    print(type(error).__name__)
print([name for name in ("dspy", "litellm", "numpy", "pydantic") if name in sys.modules])
"""
    assert run_python(script).splitlines() == [
        "42",
        "FinalOutput({'output': 1})",
        "CodeInterpreterError ZeroDivisionError: division by zero (line 1)",
        "CodeInterpreterError",
        "[]",
    ]


def test_errors_are_dspys_as_soon_as_that_is_loaded(interpreter: Any) -> None:
    import dspy

    with pytest.raises(dspash.CodeExecutionError) as caught:
        interpreter().execute("1 / 0")
    assert isinstance(caught.value, dspy.CodeExecutionError)
    assert isinstance(caught.value, RuntimeError)
    twin = pickle.loads(pickle.dumps(caught.value))
    assert (str(twin), isinstance(twin, dspash.CodeExecutionError)) == (str(caught.value), True)
    final = interpreter().execute("SUBMIT(1)")
    assert isinstance(final, dspash.FinalOutput)
    assert final == dspy.primitives.FinalOutput({"output": 1}) == final
    assert pickle.loads(pickle.dumps(final)) == final


def test_nothing_is_left_of_interpreters_once_what_they_share_is_closed(tmp_path: Path) -> None:
    close_shared()
    with no_leaks(tmp_path):
        interpreters = [dspash.Interpreter(tools={"echo": lambda x: x}) for _ in range(3)]
        code = (
            "from concurrent.futures import ThreadPoolExecutor\n"
            "with ThreadPoolExecutor(2) as pool:\n    found = list(pool.map(echo, range(4)))\nfound"
        )
        for interpreter in interpreters:
            assert interpreter.execute(code) == [0, 1, 2, 3]
        interpreters[0].shutdown()
        with pytest.raises(dspash.CodeInterpreterError):
            interpreters[1].execute("import os\nos._exit(1)")
        close_shared()
        with pytest.raises(dspash.CodeInterpreterError):
            interpreters[2].execute("1")


def test_interpreter_that_is_forgotten_ends_its_worker() -> None:
    forgotten = dspash.Interpreter()
    forgotten.start()
    assert forgotten._kernel is not None
    worker = psutil.Process(forgotten._kernel.pid)
    del forgotten
    gc.collect()
    wait_until(lambda: not worker.is_running(), "its worker to be gone")


def test_interpreter_outlives_the_thread_that_started_it(made: list[Any]) -> None:
    interpreter = dspash.Interpreter()
    made.append(interpreter)
    starter = threading.Thread(target=interpreter.start)
    starter.start()
    starter.join(BOUND_S)
    assert interpreter.execute("1 + 1") == 2


def test_fork_of_the_host_leaves_its_interpreters_alone(interpreter: Any) -> None:
    made = interpreter()
    made.execute("x = 1")
    child = os.fork()
    if child == 0:
        try:
            made._kernel.let_go()
            del made
            gc.collect()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert made.execute("x") == 1


def test_host_that_is_killed_leaves_nothing() -> None:
    script = (
        "import os, dspash, sys, time\n"
        "made = [dspash.Interpreter() for _ in range(2)]\n"
        "for one in made: one.start()\n"
        "print('up', flush=True)\n"
        "made[0].execute('while True: pass')\n"
    )
    host = subprocess.Popen([sys.executable, "-P", "-c", script], stdout=subprocess.PIPE, cwd=REPOSITORY)
    try:
        assert host.stdout is not None
        assert host.stdout.readline() == b"up\n"
        family = psutil.Process(host.pid).children(recursive=True)
        assert len(family) >= 3
    finally:
        host.send_signal(signal.SIGKILL)
        host.wait(BOUND_S)
        if host.stdout is not None:
            host.stdout.close()
    wait_until(lambda: not any(_is_alive(process) for process in family), "its workers to be gone")


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("sandbox", ["strict", "process"])
def test_tier_is_what_was_asked_for(interpreter: Any, sandbox: str) -> None:
    made = interpreter(sandbox=sandbox)
    assert made.execute("import os\nos.path.exists('/proc/self')") is (sandbox == "process")
    assert ("seccomp" in made._kernel.layers) is (sandbox == "strict")


def test_tier_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="sandbox is one of strict"):
        dspash.Interpreter(sandbox="loose")


@pytest.mark.bwrap
@pytest.mark.timeout(60)
@pytest.mark.parametrize("sandbox", ["strict", "shared-namespaces", "landlock", "process"])
def test_it_works_for_an_ordinary_user_in_every_tier(tmp_path: Path, sandbox: str) -> None:
    code = (
        "import dspash\n"
        f"with dspash.Interpreter(tools={{'twice': lambda x: 2 * x}}, sandbox={sandbox!r}) as interpreter:\n"
        "    print(interpreter.execute('twice(21)'), *sorted(interpreter._kernel.layers))\n"
    )
    told = run_as_ordinary_user(code, make_home(tmp_path)).split()
    layers = Tier(sandbox).layers if sandbox != "process" else set[str]()
    assert told == ["42", *sorted(layers)]


def test_where_there_is_no_zygote_only_an_interpreter_without_sandbox_can_be_had(
    interpreter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spawn(_nursery: Nursery, _spec: Any, _plan: Any, _on_started: Any, on_failed: Any) -> None:
        on_failed(NoZygoteError("this system cannot fork"))

    monkeypatch.setattr(Nursery, "spawn", spawn)
    assert interpreter(sandbox="process").execute("6 * 7") == 42
    with pytest.raises(dspash.CodeInterpreterError, match="this system cannot fork"):
        interpreter().start()


def test_many_interpreters_one_after_the_other_leave_nothing(interpreter: Any) -> None:
    interpreter().execute("1")
    own = psutil.Process()
    descriptors, threads = own.num_fds(), own.num_threads()
    for _ in range(30):
        with dspash.Interpreter() as made:
            assert made.execute("1 + 1") == 2
    wait_until(lambda: own.num_fds() <= descriptors, "descriptors to be let go of")
    wait_until(lambda: own.num_threads() <= threads, "threads to be let go of")
