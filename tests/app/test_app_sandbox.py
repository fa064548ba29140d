"""Programs that nobody trusts, on real workers in real sandboxes: what they reach, what they use, what they leave."""

from __future__ import annotations

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

import dspash
from tests.leaks import wait_until

pytestmark = [pytest.mark.bwrap, pytest.mark.slow, pytest.mark.timeout(60)]

QA = """
class QA(dspy.Module):
    def __init__(self):
        super().__init__()
        self.answer = dspy.Predict("question -> answer")

    def forward(self, question):
        return self.answer(question=question)
"""
DEVSET = [{"question": f"What is {number} plus {number}?", "answer": str(2 * number)} for number in range(20)]
CPU = dspash.Limits(cpu_s=1)


def snippet(app: dspash.App, code: str, **more: Any) -> dspash.Program:
    """A program of these lines, under a name of its own."""
    return app.program(f"program-{time.monotonic_ns()}", forward_fn=code, **more)


def add(a: int, b: int) -> int:
    """The sum."""
    return a + b


def slow(a: int, b: int) -> int:
    """The sum, later than a caller reads for itself what it waits for."""
    time.sleep(0.03)
    return a + b


# --- what a call is ---


def test_a_call_says_how_it_was_kept_apart_and_what_it_used(app: dspash.App) -> None:
    prediction = app.program("QA", source=QA, tools=[add])(question="What is 2 plus 3?")
    assert prediction.isolation is not None
    assert prediction.isolation.tier == "strict"
    assert prediction.isolation.layers >= {"namespaces", "landlock", "seccomp"}
    usage = prediction.usage
    assert usage.lm_calls == 1
    assert usage.lm_tokens > 0
    assert usage.wall_s > usage.lm_wait_s > 0
    assert usage.cpu_s is not None
    assert usage.cpu_s > 0
    assert usage.peak_memory_bytes is not None


def test_a_program_of_threads_and_coroutines_reaches_the_host(app: dspash.App) -> None:
    code = """
import asyncio, time
from concurrent.futures import ThreadPoolExecutor

with ThreadPoolExecutor(4) as pool:
    told = list(pool.map(lambda number: slow(a=number, b=1), range(8)))

async def asked():
    tool = dspy.Tool(slow)
    return await asyncio.gather(*(tool.acall(a=number, b=2) for number in range(8)))

result = {"told": told, "asked": asyncio.run(asked()), "last": slow(a=3, b=4)}
"""
    program = snippet(app, code, tools=[slow], sandbox="strict")
    result = program()
    assert result["told"] == list(range(1, 9))
    assert result["asked"] == list(range(2, 10))
    assert result["last"] == 7


def test_an_error_says_it_too(app: dspash.App) -> None:
    with pytest.raises(dspash.ProgramError) as caught:
        snippet(app, "1 / 0")()
    assert caught.value.usage is not None
    assert caught.value.isolation is not None
    assert caught.value.isolation.tier == "strict"


def test_calls_whose_zygote_dies_before_their_workers_are_born_are_served_by_the_next() -> None:
    with dspash.open(spares=0) as app, ThreadPoolExecutor(6) as callers:
        program = snippet(app, "result = {'number': number}")
        assert program(number=0).number == 0
        zygote = _zygote_of_this_process()
        zygote.suspend()  # so that it forks nothing more
        early = [callers.submit(program, number=number) for number in range(3)]
        zygote.kill()
        late = [callers.submit(program, number=number) for number in range(3, 6)]
        assert [call.result().number for call in (*early, *late)] == list(range(6))


def _zygote_of_this_process() -> psutil.Process:
    found: list[psutil.Process] = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # a worker that has just ended
            if process.name() != "bwrap" and "--sandbox" in process.cmdline():
                found.append(process)
    return min(found, key=psutil.Process.create_time)  # its workers are younger


def test_one_call_finds_nothing_of_another(app: dspash.App) -> None:
    code = "import pathlib\nseen = pathlib.Path('/box/seen').exists()\npathlib.Path('/box/seen').touch()\nresult = {'seen': seen}"
    program = snippet(app, code)
    assert [program().seen for _ in range(3)] == [False, False, False]


def test_it_reaches_no_file_and_no_network_of_the_host(app: dspash.App, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the host")
    code = """
import os, socket
def tried(what):
    try:
        return str(what())
    except OSError as error:
        return type(error).__name__
result = {
    "file": tried(lambda: open(path).read()),
    "socket": tried(lambda: socket.socket()),
    "fork": tried(os.fork),
    "environment": sorted(os.environ),
}
"""
    found = snippet(app, code)(path=str(secret))
    assert found.file in {"FileNotFoundError", "PermissionError"}
    assert found.socket == "PermissionError"
    assert found.fork == "PermissionError"
    assert "PATH" not in found.environment


def test_modules_and_importable_programs_run_in_the_apps_own_workers(app: dspash.App) -> None:
    prediction = app.module("predict", "question -> answer")(question="Who?")
    assert prediction.isolation is None
    assert prediction.usage.lm_calls == 1
    assert prediction.usage.cpu_s is None


def test_a_program_given_as_text_may_be_trusted_by_name(app: dspash.App) -> None:
    assert snippet(app, "result = {'n': 1}", sandbox="process")().isolation is None


def test_a_trusted_program_may_have_a_worker_of_its_own_with_limits(app: dspash.App) -> None:
    limits = dspash.Limits(wall_s=0.5)
    program = snippet(app, "while True: pass", sandbox="process", limits=limits)
    with pytest.raises(dspash.LimitExceededError) as caught:
        program()
    assert caught.value.limit == "wall"


# --- what runs it ---


def test_it_is_evaluated_improved_and_streamed_like_any(app: dspash.App) -> None:
    program = app.program("Judged", source=QA)
    before = app.evaluate(program, DEVSET, metric="f1_score")
    assert (before.total, before.failed) == (20, 0)
    assert before.usage.lm_calls == 20
    assert before.isolation is not None
    better = app.optimize(program, DEVSET[:4], metric="f1_score", optimizer="labeled_fewshot", k=2)
    assert better.sandbox is not None
    assert better.usage is not None
    assert better.usage.lm_calls >= 4
    assert better(question="Who?").isolation is not None
    *tokens, last = list(better.stream(question="Who?"))
    assert isinstance(last, dspash.Prediction)
    assert last.answer == "".join(token.text for token in tokens if isinstance(token, dspash.Token))


def test_a_metric_of_the_hosts_judges_it(app: dspash.App) -> None:
    program = app.program("Measured", source=QA)
    assert app.evaluate(program, DEVSET[:3], metric=lambda _example, _prediction: 1.0).score == 1.0


def test_it_can_be_awaited(app: dspash.App) -> None:
    async def scene() -> list[str]:
        program = await app.aprogram("Awaited", source=QA)
        predictions = await asyncio.gather(*(program.acall(question=f"Who is {n}?") for n in range(8)))
        return [prediction.answer for prediction in predictions]

    assert len(asyncio.run(scene())) == 8


def test_the_lowest_door_leads_to_it_as_well(app: dspash.App) -> None:
    program = snippet(app, "result = {'n': 1}")
    assert app.call("execute", {"program_id": program.id, "inputs": {}}) == {"n": 1}
    app.delete(program)
    with pytest.raises(dspash.NotFoundError):
        app.call("execute", {"program_id": program.id, "inputs": {}})


def test_a_module_made_of_it_is_sandboxed_like_it(app: dspash.App) -> None:
    inner = app.program("Inner", source=QA)
    both = app.module("best_of_n", module=inner, reward=lambda _inputs, _prediction: 1.0, N=2, threshold=0.5)
    assert both(question="Who?").isolation is not None
    with pytest.raises(dspash.ConfigurationError, match="sandbox"):
        app.program("Outer", forward_fn="result = {}", modules={"inner": inner}, sandbox="process")  # pyright: ignore[reportArgumentType]


def test_text_that_does_not_compile_is_refused_where_it_is_defined(app: dspash.App) -> None:
    with pytest.raises(dspash.InvalidInputError, match=r"\$\.source"):
        app.program("Broken", source="class :")


# --- what it may use ---


@pytest.mark.parametrize(
    ("code", "limits", "limit"),
    [
        ("while True: pass", dspash.Limits(cpu_s=1), "cpu"),
        ("import time\ntime.sleep(60)", dspash.Limits(wall_s=0.5), "wall"),
        ("held = [bytearray(1 << 20) for _ in range(10_000)]", dspash.Limits(memory_mb=256), "memory"),
        ("open('big', 'wb').write(bytes(40 << 20))", dspash.Limits(), "file_size"),
        (
            "for number in range(100): open(str(number), 'wb').write(bytes(1 << 20))",
            dspash.Limits(scratch_mb=16),
            "scratch",
        ),
        ("held = [open('/dev/null') for _ in range(1000)]", dspash.Limits(files=64), "files"),
        (
            "import threading\nstop = threading.Event()\nfor _ in range(200): threading.Thread(target=stop.wait).start()",
            dspash.Limits(threads=16),
            "threads",
        ),
        ("import sys\nwhile True: sys.stderr.write('x' * 4096)", dspash.Limits(output_mb=1), "output"),
        ("result = {'text': 'x' * (2 << 20)}", dspash.Limits(), "frame"),
        ("for number in range(9): add(a=1, b=number)", dspash.Limits(tool_calls=8), "tool_calls"),
        ("for number in range(4): answer(question=str(number))", dspash.Limits(lm_calls=3), "lm_calls"),
        ("for number in range(4): answer(question=str(number))", dspash.Limits(lm_tokens=1), "lm_tokens"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)
def test_each_limit_ends_its_own_call_by_name(
    app: dspash.App, code: str, limits: dspash.Limits, limit: str
) -> None:
    answer = app.module("predict", "question -> answer", id="answer")
    code = code.replace("answer(", "self.answer(")
    program = snippet(
        app,
        f"{code}\nresult = {{}}" if "result" not in code else code,
        limits=limits,
        tools=[add],
        modules={"answer": answer},
    )
    with pytest.raises(dspash.LimitExceededError) as caught:
        program()
    error = caught.value
    assert error.limit == limit
    assert error.usage is not None
    assert error.used is None or error.used > 0
    assert snippet(app, "result = {'n': 1}")().n == 1


@pytest.mark.parametrize(
    "code",
    [
        "import os; os._exit(3)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "import ctypes; ctypes.string_at(0)",
    ],
)
def test_a_crash_costs_its_own_call_and_the_next_is_right(app: dspash.App, code: str) -> None:
    with pytest.raises(dspash.DspashError):
        snippet(app, code)()
    assert snippet(app, "result = {'n': 1}")().n == 1


def test_calls_beside_a_flood_are_right(app: dspash.App) -> None:
    flood = snippet(app, "while True: add(a=1, b=2)", tools=[add], limits=dspash.Limits(tool_calls=500))
    good = snippet(app, "result = {'n': n}")
    with ThreadPoolExecutor(1) as aside:
        flooding = aside.submit(flood)
        assert [good(n=number).n for number in range(5)] == list(range(5))
        assert isinstance(flooding.exception(30), dspash.LimitExceededError)


# --- what it may reach ---


def test_it_reaches_the_models_it_was_granted_and_no_other(app: dspash.App) -> None:
    code = """
with dspy.context(lm=lms["small"]):
    said = dspy.Predict("question -> answer")(question="Who?").answer
try:
    with dspy.context(lm=lms["small"].copy(model="offline/large")):
        dspy.Predict("question -> answer")(question="Who?")
    other = "answered"
except Exception as error:
    other = type(error).__name__
result = {"said": said, "names": sorted(lms), "other": other}
"""
    found = snippet(app, code, lms={"small": "offline/small"})()
    assert found.said
    assert found.names == ["offline", "small"]


def test_a_model_that_nobody_serves_is_refused_by_name(app: dspash.App) -> None:
    with pytest.raises(dspash.ConfigurationError, match="lms"):
        snippet(app, "result = {}", lms=["gpt-9"])


def test_what_was_not_granted_is_counted(app: dspash.App) -> None:
    before = sum(app.status().sandbox.refused.values())
    code = "from dspash_worker.current import current_call\ncurrent_call().ask('tool.call', {'name': 'add', 'args': {}})"
    with pytest.raises(dspash.NotFoundError):
        snippet(app, code)()
    assert sum(app.status().sandbox.refused.values()) == before + 1


def test_mounts_are_read_and_never_written(app: dspash.App, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "page.txt").write_text("read me")
    code = """
read = open("/mnt/docs/page.txt").read()
try:
    open("/mnt/docs/page.txt", "a").write("more")
    written = True
except OSError:
    written = False
result = {"read": read, "written": written}
"""
    found = snippet(app, code, mounts={"docs": docs})()
    assert (found.read, found.written) == ("read me", False)


def test_files_left_in_the_output_folder_come_back(app: dspash.App) -> None:
    code = """
import os
open("out/plot.txt", "w").write("a plot")
os.mkdir("out/sub")
open("out/sub/large.bin", "wb").write(bytes(3 << 20))
os.symlink("/etc/passwd", "out/link")
result = {}
"""
    files = snippet(app, code)().files
    assert {name: len(data) for name, data in files.items()} == {"plot.txt": 6, "sub/large.bin": 3 << 20}


# --- one worker for several calls ---


def test_a_persistent_program_keeps_what_it_has_left(app: dspash.App) -> None:
    code = "import pathlib\nplace = pathlib.Path('count')\ncount = int(place.read_text()) + 1 if place.exists() else 1\nplace.write_text(str(count))\nresult = {'count': count}"
    program = snippet(app, code, persistent=True)
    assert [program().count for _ in range(3)] == [1, 2, 3]
    app.delete(program)


def test_a_persistent_program_goes_on_after_a_crash_with_nothing_of_before(app: dspash.App) -> None:
    code = "import os\nif crash: os._exit(1)\nresult = {'left': os.path.exists('left')}\nopen('left', 'w').close()"
    program = snippet(app, code, persistent=True)
    assert [program(crash=False).left, program(crash=False).left] == [False, True]
    with pytest.raises(dspash.WorkerLostError):
        program(crash=True)
    assert program(crash=False).left is False
    app.delete(program)


def test_the_status_counts_it(app: dspash.App) -> None:
    before = app.status().sandbox.calls
    snippet(app, "result = {}")()
    wait_until(lambda: app.status().sandbox.calls >= before + 2, "both calls to be counted")
    assert app.status().sandbox.cpu_s > 0
