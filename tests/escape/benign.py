"""Benign: ordinary programs, which must work in the sandbox as they do outside."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Final

__all__ = ["BENIGN", "Benign"]


@dataclass(frozen=True, slots=True)
class Benign:
    """The text of a `dspy.Module` class, what it is run on, and what its `answer` must be."""

    name: str
    source: str
    answer: object
    uses_model: bool = False


def _of_function(name: str, body: str, answer: object) -> Benign:
    """A program that computes `answer` in the body of a function."""
    function = "def compute():\n" + textwrap.indent(textwrap.dedent(body).strip(), "    ")
    program = """
import dspy

class Program(dspy.Module):
    def forward(self):
        return dspy.Prediction(answer=compute())
"""
    return Benign(name, f"{function}\n{program}", answer)


_PREDICT: Final = """
import asyncio, threading
import dspy

class Program(dspy.Module):
    def __init__(self):
        super().__init__()
        self.predict = dspy.Predict("question -> answer")
"""

BENIGN: Final = (
    _of_function("arithmetic", "return sum(n * n for n in range(1000))", 332833500),
    _of_function(
        "json",
        """
        import json
        return json.loads(json.dumps({"a": [1, None, "é"]}))
        """,
        {"a": [1, None, "é"]},
    ),
    _of_function(
        "re",
        r"""
        import re
        return re.findall(r"\b\w{4}\b", "some words have four letters")
        """,
        ["some", "have", "four"],
    ),
    _of_function(
        "numpy",
        """
        import numpy
        matrix = numpy.arange(10000, dtype=float).reshape(100, 100) + 100 * numpy.eye(100)
        product = matrix @ numpy.linalg.inv(matrix)
        return bool(numpy.allclose(product, numpy.eye(100))) and len(numpy.fft.fft(numpy.random.rand(256)))
        """,
        256,
    ),
    _of_function(
        "numpy_on_a_file",
        """
        import numpy
        numpy.save("a.npy", numpy.arange(10))
        numpy.load("a.npy", mmap_mode="r+")[:] = 7
        return int(numpy.load("a.npy").sum())
        """,
        70,
    ),
    _of_function(
        "sqlite_in_memory",
        """
        import sqlite3
        with sqlite3.connect(":memory:") as db:
            db.execute("create table t (a, b)")
            db.executemany("insert into t values (?, ?)", [(n, n * n) for n in range(10)])
            return db.execute("select sum(b) from t where a > 4").fetchone()[0]
        """,
        255,
    ),
    _of_function(
        "sqlite_on_a_file",
        """
        import sqlite3
        with sqlite3.connect("a.db") as db:
            db.execute("create table t (a)")
            db.execute("insert into t values (42)")
        db.close()
        with sqlite3.connect("a.db") as db:
            return db.execute("select a from t").fetchone()[0]
        """,
        42,
    ),
    _of_function(
        "asyncio",
        """
        import asyncio

        async def main():
            async with asyncio.timeout(5), asyncio.TaskGroup() as group:
                tasks = [group.create_task(asyncio.to_thread(pow, n, 2)) for n in range(10)]
                await asyncio.sleep(0.01)
            return sum(task.result() for task in tasks)

        return asyncio.run(main())
        """,
        285,
    ),
    _of_function(
        "threads",
        """
        import queue, threading
        from concurrent.futures import ThreadPoolExecutor
        done = queue.Queue()
        threads = [threading.Thread(target=done.put, args=(n,)) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with ThreadPoolExecutor(8) as pool:
            return sum(pool.map(lambda n: n * n, range(20))) + done.qsize()
        """,
        2490,
    ),
    _of_function(
        "files",
        """
        import pathlib, shutil, tempfile
        with tempfile.TemporaryDirectory() as folder:
            first = pathlib.Path(folder, "a")
            first.write_text("text")
            shutil.copy(first, pathlib.Path(folder, "b"))
            shutil.copytree(folder, "tree")
        return sorted(path.read_text() for path in pathlib.Path("tree").iterdir())
        """,
        ["text", "text"],
    ),
    _of_function(
        "times",
        """
        import datetime, time, zoneinfo
        time.sleep(0.001)
        moment = datetime.datetime(2024, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
        return moment.astimezone(datetime.timezone.utc).isoformat()
        """,
        "2024-07-01T10:00:00+00:00",
    ),
    _of_function(
        "timers",
        """
        import signal, threading
        over = threading.Event()
        threading.Timer(0.01, over.set).start()
        return over.wait(5)
        """,
        True,
    ),
    _of_function(
        "data_classes",
        """
        import dataclasses, decimal, enum, fractions, statistics, uuid
        import pydantic

        class Point(pydantic.BaseModel):
            x: int
            y: decimal.Decimal

        point = Point.model_validate_json('{"x": 1, "y": "2.50"}')
        return [point.model_dump_json(), statistics.median([3, 1, 2]), len(str(uuid.uuid4()))]
        """,
        ['{"x":1,"y":"2.50"}', 2, 36],
    ),
    _of_function(
        "compression",
        """
        import base64, bz2, gzip, hashlib, lzma, zlib
        data = b"text " * 1000
        for library in (bz2, gzip, lzma, zlib):
            assert library.decompress(library.compress(data)) == data
        return hashlib.sha256(data).hexdigest()[:8]
        """,
        "ef923c73",
    ),
    _of_function(
        "printing",
        """
        import logging, sys, warnings
        print("to stdout")
        print("to stderr", file=sys.stderr, flush=True)
        logging.getLogger("program").warning("a warning")
        return sys.stdin.read()
        """,
        "",
    ),
    Benign(
        "dspy_predict",
        _PREDICT
        + """
    def forward(self):
        return dspy.Prediction(answer=bool(self.predict(question="Which river runs through Paris?").answer))
""",
        True,
        uses_model=True,
    ),
    Benign(
        "dspy_chain_of_thought",
        _PREDICT
        + """
    def forward(self):
        found = dspy.ChainOfThought("question -> answer")(question="How many legs has a spider?")
        return dspy.Prediction(answer=bool(found.reasoning) and bool(found.answer))
""",
        True,
        uses_model=True,
    ),
    Benign(
        "dspy_async",
        _PREDICT
        + """
    async def aforward(self):
        found = await asyncio.gather(*(self.predict.acall(question=f"Who is number {n}?") for n in range(4)))
        return dspy.Prediction(answer=len([prediction.answer for prediction in found]))

    def forward(self):
        return asyncio.run(self.aforward())
""",
        4,
        uses_model=True,
    ),
    Benign(
        "dspy_parallel",
        _PREDICT
        + """
    def forward(self):
        pairs = [(self.predict, dspy.Example(question=f"Who is number {n}?").with_inputs("question")) for n in range(6)]
        found = dspy.Parallel(num_threads=3, disable_progress_bar=True)(pairs)
        return dspy.Prediction(answer=len([prediction.answer for prediction in found]))
""",
        6,
        uses_model=True,
    ),
    Benign(
        "dspy_evaluate",
        _PREDICT
        + """
    def forward(self):
        examples = [dspy.Example(question=f"Who is number {n}?", answer="x").with_inputs("question") for n in range(4)]
        judge = dspy.Evaluate(devset=examples, metric=lambda *_: 1.0, num_threads=2, display_progress=False)
        return dspy.Prediction(answer=judge(self.predict).score)
""",
        100.0,
        uses_model=True,
    ),
)
