"""Ordinary Python runs under all layers as it does without any, and what policy forbids says so."""

from __future__ import annotations

import importlib.util
import textwrap
from pathlib import Path

import pytest

from tests.worker.confinement.cells import CellServer, strict_plan

WORKS = {
    "threads": """
        import threading
        done = []
        threads = [threading.Thread(target=done.append, args=(n,)) for n in range(20)]
        [t.start() for t in threads]; [t.join() for t in threads]
        assert sorted(done) == list(range(20))
    """,
    "locks, conditions, queues and timers between threads": """
        import queue, threading
        waiting, arrived = queue.Queue(), threading.Event()
        threading.Thread(target=lambda: waiting.put(arrived.wait(5))).start()
        threading.Timer(0.01, arrived.set).start()
        assert waiting.get(timeout=5) is True
    """,
    "a pool of threads": """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(8) as pool: assert sum(pool.map(abs, range(-50, 50))) == 2500
    """,
    "asyncio": """
        import asyncio
        async def main():
            return await asyncio.gather(*[asyncio.to_thread(pow, n, 2) for n in range(8)], asyncio.sleep(0.01))
        assert asyncio.run(main())[:3] == [0, 1, 4]
    """,
    "pipes and socket pairs of its own": """
        import os, socket
        a, b = socket.socketpair(); a.sendall(b"x"); assert b.recv(1) == b"x"
        assert a.type == socket.SOCK_STREAM and a.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        r, w = os.pipe(); os.write(w, b"y"); assert os.read(r, 1) == b"y"
    """,
    "temporary files": """
        import os, shutil, tempfile
        with tempfile.TemporaryDirectory() as folder:
            open(folder + "/a", "w").write("x")
            shutil.copy(folder + "/a", folder + "/b"); shutil.copy2(folder + "/a", folder + "/c")
            shutil.copytree(folder, folder + "2"); shutil.rmtree(folder + "2")
            os.chmod(folder + "/a", 0o600); os.utime(folder + "/a", (1, 1)); os.rename(folder + "/a", folder + "/d")
            assert os.stat(folder + "/d").st_mtime == 1
        with tempfile.NamedTemporaryFile() as file: file.write(b"x"); file.flush(); os.fsync(file.fileno())
        with tempfile.TemporaryFile() as file: file.write(b"x")
    """,
    "files of every kind that Python writes": """
        import csv, gzip, json, pathlib, pickle, tarfile, zipfile
        pathlib.Path("d/e").mkdir(parents=True); pathlib.Path("d/e/f.json").write_text(json.dumps([1]))
        pathlib.Path("link").symlink_to("d/e/f.json"); assert json.load(open("link")) == [1]
        with zipfile.ZipFile("z.zip", "w") as archive: archive.write("link")
        with tarfile.open("t.tgz", "w:gz") as archive: archive.add("d")
        with tarfile.open("t.tgz") as archive: archive.extractall("out")
        with gzip.open("g.gz", "wb") as file: file.write(b"x")
    """,
    "SQLite in memory": """
        import sqlite3
        c = sqlite3.connect(":memory:"); c.execute("create table t(a)"); c.execute("insert into t values(1)")
        assert c.execute("select a from t").fetchall() == [(1,)]
    """,
    "SQLite in a file": """
        import sqlite3
        for _ in range(2):
            c = sqlite3.connect("x.db"); c.execute("create table if not exists t(a)")
            c.execute("insert into t values(1)"); c.commit(); c.close()
        assert sqlite3.connect("x.db").execute("select count(*) from t").fetchone() == (2,)
    """,
    "SQLite in a file with a write-ahead log, from threads": """
        import sqlite3, threading
        c = sqlite3.connect("x.db"); assert c.execute("pragma journal_mode=wal").fetchone() == ("wal",)
        c.execute("create table t(a)"); c.commit()
        def insert():
            mine = sqlite3.connect("x.db", timeout=10)
            for n in range(20):
                with mine: mine.execute("insert into t values(?)", (n,))
            mine.close()
        threads = [threading.Thread(target=insert) for _ in range(4)]
        [t.start() for t in threads]; [t.join() for t in threads]
        assert c.execute("select count(*), sum(a) from t").fetchone() == (80, 760)
        assert c.execute("pragma wal_checkpoint(truncate)").fetchone()[0] == 0
    """,
    "SQLite recovering what a crash left": """
        import os, shutil, sqlite3
        c = sqlite3.connect("x.db"); c.execute("create table t(a)"); c.execute("insert into t values(1)"); c.commit()
        c.execute("pragma cache_size=1"); c.execute("begin"); c.execute("update t set a=2")
        c.executemany("insert into t values(?)", [("x" * 2000,)] * 200)
        assert os.path.exists("x.db-journal")
        shutil.copy("x.db", "y.db"); shutil.copy("x.db-journal", "y.db-journal")
        assert sqlite3.connect("y.db").execute("select a from t").fetchall() == [(1,)]
    """,
    "dbm": """
        import dbm.dumb
        with dbm.dumb.open("d", "c") as db: db[b"a"] = b"b"
    """,
    "shelves": """
        import shelve
        with shelve.open("s") as shelf: shelf["a"] = [1]
        with shelve.open("s") as shelf: assert shelf["a"] == [1]
    """,
    "diskcache": """
        import diskcache
        cache = diskcache.Cache("cache"); cache["a"] = 1; cache.set("b", "x" * 100_000, expire=60)
        assert (cache["a"], len(cache["b"])) == (1, 100_000)
        fan = diskcache.FanoutCache("fan", shards=4); fan["k"] = [1]; assert fan["k"] == [1]; fan.close(); cache.close()
    """,
    "filelock": """
        import filelock
        with filelock.SoftFileLock("l.lock", timeout=1): pass
    """,
    "numpy": """
        import numpy as np
        rng = np.random.default_rng(); a = rng.random((120, 120))
        assert np.allclose(np.linalg.svd(a)[1][0], np.linalg.norm(a, 2))
        np.fft.fft(rng.random(1000)); np.save("a.npy", a); m = np.load("a.npy", mmap_mode="r+"); m[0] = 1; m.flush()
        np.sort(rng.random(100_000)); a @ a
    """,
    "time": """
        import datetime, time, zoneinfo
        time.tzset(); datetime.datetime.now().astimezone(); time.process_time(); time.thread_time(); time.sleep(0.001)
        datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Berlin"))
        for clock in (time.CLOCK_REALTIME, time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME): time.clock_gettime(clock)
    """,
    "signals to itself": """
        import os, signal, threading
        seen = []
        signal.signal(signal.SIGALRM, lambda *_: seen.append("alarm"))
        signal.signal(signal.SIGUSR1, lambda *_: seen.append("usr1"))
        os.kill(os.getpid(), signal.SIGUSR1); signal.raise_signal(signal.SIGUSR1)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()
        assert seen == ["usr1"] * 3 + ["alarm"], seen
    """,
    "faulthandler": """
        import faulthandler
        faulthandler.enable(); faulthandler.dump_traceback_later(100); faulthandler.cancel_dump_traceback_later()
    """,
    "callbacks from C": """
        import ctypes
        compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
        numbers = (ctypes.c_int * 3)(3, 1, 2)
        ctypes.CDLL(None).qsort(numbers, 3, 4, compare(lambda a, b: a[0] - b[0]))
        assert list(numbers) == [1, 2, 3]
    """,
    "threads of C, joined": """
        import ctypes
        libc, thread = ctypes.CDLL(None), ctypes.c_void_p()
        body = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(lambda _: 7)
        assert libc.pthread_create(ctypes.byref(thread), None, body, None) == 0
        answer = ctypes.c_void_p()
        assert libc.pthread_join(thread, ctypes.byref(answer)) == 0 and answer.value == 7
    """,
    "attributes of a thread": """
        import ctypes, threading
        libc, answers = ctypes.CDLL(None), []
        libc.pthread_self.restype = ctypes.c_void_p
        def ask():
            attributes = ctypes.create_string_buffer(128)
            answers.append(libc.pthread_getattr_np(ctypes.c_void_p(libc.pthread_self()), attributes))
        thread = threading.Thread(target=ask); thread.start(); thread.join()
        assert answers == [0]
    """,
    "what it is and has": """
        import os, platform, resource, socket
        assert os.cpu_count() and os.sched_getaffinity(0); resource.getrusage(resource.RUSAGE_SELF)
        platform.platform(); socket.gethostname(); os.get_inheritable(0)
        assert os.path.expanduser("~") == os.getcwd(); os.statvfs("."); os.getgroups(); os.getpgid(0); os.getsid(0)
    """,
    "memory maps": """
        import mmap
        m = mmap.mmap(-1, 1 << 20); m[0] = 1; m.madvise(mmap.MADV_DONTNEED); m.resize(1 << 21); m.close()
        with open("f", "wb+") as f:
            f.truncate(8192); m = mmap.mmap(f.fileno(), 0); m[4096] = 7; m.flush(); m.close()
    """,
    "much memory, given back": """
        for _ in range(3): block = bytearray(200 << 20); del block
    """,
    "tracing allocation": "import tracemalloc, gc\ntracemalloc.start(); [object() for _ in range(100)]; gc.collect()",
    "its own packages": """
        import importlib.metadata
        assert importlib.metadata.version("msgpack") and len(list(importlib.metadata.distributions())) > 5
    """,
    "pydantic": """
        import pydantic
        class Model(pydantic.BaseModel): a: int
        assert Model.model_validate_json('{"a": 1}').a == 1
    """,
    "TLS contexts and HTTP clients": "import ssl, httpx\nssl.create_default_context(cafile=None); httpx.Client().close()",
    "reading nothing from standard input": """
        import sys
        assert sys.stdin.read() == ""
    """,
}
NEEDS = {
    "diskcache": "diskcache",
    "filelock": "filelock",
    "numpy": "numpy",
    "TLS contexts and HTTP clients": "httpx",
}

FORBIDDEN = {
    "a program": ("import subprocess\nsubprocess.run(['/bin/true'])", "PermissionError"),
    "a shell": ("import os\nassert os.system('true') == 0", "AssertionError"),
    "a fork": ("import os\nos.fork()", "PermissionError"),
    "a process": ("import multiprocessing as m\np = m.Process(target=print)\np.start()", "PermissionError"),
    "a connection": ("import socket\nsocket.create_connection(('127.0.0.1', 9))", "PermissionError"),
    "a request": ("import urllib.request\nurllib.request.urlopen('http://127.0.0.1:9/')", "URLError"),
    "a name": ("import socket\nsocket.gethostbyname('example.org')", "gaierror"),
    "the host's users": ("open('/etc/shadow')", "PermissionError"),
    "its own process's files": ("open('/proc/self/status')", "FileNotFoundError"),
    "a write to a package": ("import json\nopen(json.__file__, 'a')", "PermissionError"),
    "a named pipe": ("import os\nos.mkfifo('p')", "PermissionError"),
    "another niceness": ("import os\nos.nice(1)", "PermissionError"),
}


@pytest.mark.parametrize("name", WORKS)
def test_it_works(name: str, cells: CellServer, scratch: Path) -> None:
    package = NEEDS.get(name)
    if package is not None and importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    outcome = cells.run(_attempt(WORKS[name]), strict_plan(scratch))
    assert outcome.raised is None, outcome.text
    assert outcome.status == 0
    assert outcome.value == "works"


@pytest.mark.parametrize("name", FORBIDDEN)
def test_it_is_refused_by_an_ordinary_error(name: str, cells: CellServer, scratch: Path) -> None:
    code, error = FORBIDDEN[name]
    assert cells.run(_attempt(code), strict_plan(scratch)).raised == error


def _attempt(code: str) -> str:
    body = textwrap.indent(textwrap.dedent(code).strip(), "    ")
    return f"def attempt():\n{body}\n    return 'works'\n"
