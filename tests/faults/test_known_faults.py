"""The faults that bridges to worker processes are known to die of, each met by a real worker running real DSPy."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import psutil
import pytest

import dspash
from tests.leaks import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

BOUND_S = 20.0
QUESTION = "Who designed the tower?"
PASSAGES = ["The tower was designed by Gustave Eiffel."]


@pytest.fixture(scope="module")
def app() -> Generator[dspash.App]:
    with dspash.open(
        workers=2, timeout_s=BOUND_S, cancel_grace_s=0.3, max_restarts=1000, sandbox="process"
    ) as app:
        yield app


def answers(app: dspash.App) -> bool:
    """Whether the app serves a call as if nothing had happened."""
    return app.call("ping", {"payload": "still here"}) == {"payload": "still here"}


def snippet(app: dspash.App, code: str, **tools: Callable[..., object]) -> dspash.Program:
    """A program of these lines, under a name of its own."""
    return app.program(f"fault-{time.monotonic_ns()}", forward_fn=code, tools=tools)


def busy_worker(app: dspash.App) -> int:
    """The pid of the worker that runs something."""

    def busy() -> list[int]:
        return [worker.pid for worker in app.status().workers if worker.busy]

    wait_until(busy, "a worker to be busy")
    return busy()[0]


def test_01_stray_bytes_on_stdout_do_not_touch_a_frame(app: dspash.App) -> None:
    code = "import os\nprint('Traceback')\nos.write(1, b'stray')\nos.system('echo child')\nresult = {'n': 1}"
    assert snippet(app, code)().n == 1


def test_02_a_child_that_inherits_everything_neither_reads_nor_holds_the_pipe(app: dspash.App) -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], close_fds=False)\n"
        "result = {'pid': child.pid}"
    )
    assert snippet(app, code)().pid > 0
    assert answers(app)


def test_03_stderr_that_is_flooded_blocks_nobody(app: dspash.App) -> None:
    code = "import sys\nsys.stderr.write('x' * 5_000_000)\nresult = {'n': 1}"
    assert snippet(app, code)().n == 1


def test_04_a_worker_killed_in_the_middle_of_a_frame_costs_its_call_alone(app: dspash.App) -> None:
    code = (
        "import os, signal, threading\n"
        "threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGKILL)).start()\n"
        "while True:\n    print('x' * 100_000)"
    )
    with pytest.raises(dspash.WorkerLostError):
        snippet(app, code)()
    assert answers(app)


def test_05_frames_too_large_and_values_too_deep_are_refused_with_their_place(app: dspash.App) -> None:
    deep: object = 1
    for _ in range(300):
        deep = [deep]
    with pytest.raises(dspash.InvalidInputError, match="deep"):
        app.call("ping", {"payload": deep})
    with pytest.raises(dspash.InvalidInputError, match="finite"):
        app.call("ping", {"payload": [float("nan")]})
    with pytest.raises(dspash.FrameTooLargeError):
        app.call("ping", {"payload": b"x" * (65 << 20)})
    with pytest.raises(dspash.FrameTooLargeError):
        snippet(app, "result = {'big': 'x' * (65 << 20)}")()
    assert answers(app)


def test_06_both_sides_writing_at_once_do_not_wait_for_each_other(app: dspash.App) -> None:
    big = b"x" * (12 << 20)
    futures = [app.submit("ping", {"payload": big}) for _ in range(6)]
    assert all(future.result(BOUND_S)["payload"] == big for future in futures)


def test_07_what_cannot_be_sent_is_still_one_answer(app: dspash.App) -> None:
    class_text = "class Rude:\n    def __repr__(self):\n        raise RuntimeError('no')\n"
    with pytest.raises(dspash.UnserialisableError):
        snippet(app, class_text + "result = {'value': Rude()}")()
    with pytest.raises(dspash.ProgramError):
        snippet(app, class_text + "raise ValueError(Rude())")()
    assert answers(app)


def test_08_a_late_reply_satisfies_no_other_call(app: dspash.App) -> None:
    slow = snippet(app, "import time\ntime.sleep(0.4)\nresult = {'who': who}")
    with pytest.raises(dspash.CallTimeoutError):
        app.run(slow, {"who": "late"}, timeout_s=0.1)
    quick = snippet(app, "result = {'who': who}")
    assert [quick(who=number).who for number in range(50)] == list(range(50))


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_09_the_death_of_a_worker_is_one_typed_error_and_harms_no_sibling(
    app: dspash.App, death: signal.Signals
) -> None:
    gate, entered = threading.Event(), threading.Barrier(2)

    def hold() -> bool:
        entered.wait(BOUND_S)
        return gate.wait(BOUND_S)

    with dspash.open(workers=2, concurrency=1, sandbox="process") as pair:
        held = pair.program("Held", forward_fn="result = {'ok': hold()}", tools=[hold])
        survivor = pair.submit("execute", {"program_id": "Held", "inputs": {}})
        del survivor
        held_call = threading.Thread(target=lambda: outcome.append(held().ok))
        outcome: list[bool] = []
        held_call.start()
        entered.wait(BOUND_S)
        victim = pair.program(
            "Victim", forward_fn=f"import os\nos.kill(os.getpid(), {int(death)})\nwhile True: pass"
        )
        with pytest.raises(dspash.WorkerLostError) as lost:
            victim()
        assert death.name in lost.value.exit.describe() or lost.value.exit.describe()
        gate.set()
        held_call.join(BOUND_S)
        assert outcome == [True]
    assert answers(app)


def test_10_nothing_is_locked_by_a_dead_worker(app: dspash.App) -> None:
    suicide = snippet(app, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    for _ in range(2):
        with pytest.raises(dspash.WorkerLostError):
            suicide()
        assert answers(app)


def test_11_a_crash_loop_at_boot_is_bounded_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "dspy.py").write_text("raise RuntimeError('this dspy is broken')\n")
    with (
        dspash.open(python_path=[tmp_path], max_restarts=2) as doomed,
        pytest.raises(dspash.SupervisorGaveUpError) as gave_up,
    ):
        doomed.call("forward", {"module_id": "m", "inputs": {}}, timeout_s=BOUND_S)
    assert "this dspy is broken" in gave_up.value.report.render()


HOST = """
import dspash, sys
app = dspash.open(workers=2, sandbox="process")
SPINS = {
    "Python": "import subprocess, sys\\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
              " start_new_session=True)\\nwhile True: pass",
    "C": "import re\\nre.match('(a+)+$', 'a' * 60 + 'b')",
}
for name, code in SPINS.items():
    app.program(name, forward_fn=code)
futures = [app.submit("execute", {"program_id": name, "inputs": {}}) for name in SPINS]
while sum(worker.busy for worker in app.status().workers) < 2:
    pass
print(*[worker.pid for worker in app.status().workers], flush=True)
futures[0].result()
"""


@pytest.mark.bwrap
def test_12_everything_is_gone_soon_after_the_hosts_sigkill() -> None:
    host = subprocess.Popen([sys.executable, "-c", HOST], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    pids = [int(word) for word in host.stdout.readline().split()]
    assert len(pids) == 2
    family = [psutil.Process(host.pid), *psutil.Process(host.pid).children(recursive=True)]
    assert set(pids) <= {process.pid for process in family}
    host.kill()
    host.wait(BOUND_S)
    host.stdout.close()
    _, alive = psutil.wait_procs(family[1:], timeout=BOUND_S)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_13_cancels_racing_with_the_end_hurt_nobody(app: dspash.App) -> None:
    program = snippet(app, "for _ in range(n): pass\nresult = {'n': n}")
    for number in range(40):
        future = app.submit("execute", {"program_id": program.id, "inputs": {"n": number * 500}})
        if number % 2:
            threading.Timer(0.0005 * (number % 5), future.cancel).start()
        try:
            assert future.result(BOUND_S)["n"] == number * 500
        except dspash.CallCancelledError:
            assert number % 2
    assert program(n=3).n == 3


def test_13_a_program_that_swallows_exits_is_cancelled_all_the_same(app: dspash.App) -> None:
    code = "while True:\n    try:\n        while True: pass\n    except (SystemExit, KeyboardInterrupt, Exception): pass"
    with pytest.raises(dspash.CallTimeoutError):
        app.run(snippet(app, code), {}, timeout_s=0.3)
    assert answers(app)


def test_14_a_tool_calls_a_program_that_calls_a_tool_in_one_worker_with_one_slot() -> None:
    with dspash.open(workers=1, concurrency=1, sandbox="process") as narrow:
        inner = narrow.program("Inner", forward_fn="result = {'n': add(n=n)}", tools={"add": lambda n: n + 1})
        middle = narrow.program(
            "Middle", forward_fn="result = {'n': go(n=n)}", tools={"go": lambda n: inner(n=n).n}
        )
        outer = narrow.program(
            "Outer", forward_fn="result = {'n': go(n=n)}", tools={"go": lambda n: middle(n=n).n}
        )
        assert outer(n=1).n == 2


def test_14_the_sync_api_works_on_a_running_loop(app: dspash.App) -> None:
    async def notebook_cell() -> bool:
        return answers(app)

    assert asyncio.run(notebook_cell())


def test_15_a_worker_that_holds_the_gil_is_not_taken_for_hung() -> None:
    with dspash.open(heartbeat_s=0.3, sandbox="process") as patient:
        spin = patient.program(
            "Spin", forward_fn="import re\nre.match('(a+)+$', 'a' * 26 + 'b')\nresult = {'n': 1}"
        )
        assert spin().n == 1
        assert [worker.generation for worker in patient.status().workers] == [1]


def test_15_a_worker_that_is_stopped_is_replaced_and_its_call_told() -> None:
    with dspash.open(heartbeat_s=0.2, max_restarts=10, sandbox="process") as watched:
        held = watched.program("Held", forward_fn="import time\ntime.sleep(60)\nresult = {}")
        future = watched.submit("execute", {"program_id": held.id, "inputs": {}})
        os.kill(busy_worker(watched), signal.SIGSTOP)
        with pytest.raises(dspash.WorkerLostError, match="hung"):
            future.result(BOUND_S)
        assert answers(watched)


def test_16_ended_workers_are_reaped(app: dspash.App) -> None:
    before = app.status().restarts
    with pytest.raises(dspash.WorkerLostError):
        snippet(app, "import os\nos._exit(7)")()
    assert answers(app)
    wait_until(lambda: app.status().restarts > before, "the worker to be replaced")
    wait_until(lambda: not zombies(), "the ended worker to be reaped")


def zombies() -> list[psutil.Process]:
    """The children of this process that have ended and were not waited for."""
    return [child for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE]


def test_17_no_example_is_run_twice_for_being_slow(app: dspash.App) -> None:
    asked: list[int] = []

    def look(n: int) -> int:
        asked.append(n)
        return n

    program = snippet(
        app,
        "import time\nn = look(n=n)\ntime.sleep(0.3 if n == 0 else 0)\nresult = {'answer': str(n)}",
        look=look,
    )
    devset = [{"n": number, "answer": str(number)} for number in range(20)]
    assert app.evaluate(program, devset, metric="exact_match").score == 1.0
    assert sorted(asked) == list(range(20))


def test_18_a_fork_of_the_host_has_no_app_and_harms_none(app: dspash.App) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            app.call("ping")
        except dspash.ClosedError:
            os._exit(42)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 42
    assert answers(app)


def test_many_threads_and_loops_use_one_app_at_once(app: dspash.App) -> None:
    qa = app.module("predict", "question, passages: list[str] -> answer")
    outcomes: list[str] = []

    def in_a_thread() -> None:
        outcomes.extend(qa(question=QUESTION, passages=PASSAGES).answer for _ in range(5))

    async def ask() -> list[str]:
        predictions = await asyncio.gather(
            *(qa.acall(question=QUESTION, passages=PASSAGES) for _ in range(5))
        )
        return [prediction.answer for prediction in predictions]

    def in_a_loop() -> None:
        outcomes.extend(asyncio.run(ask()))

    threads = [threading.Thread(target=work) for work in (in_a_thread, in_a_loop) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    assert len(outcomes) == 30
    assert all("Eiffel" in answer for answer in outcomes)
