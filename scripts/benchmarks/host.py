"""Host: one host process as the coordinator sees it."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psutil

__all__ = ["ActFailedError", "Host", "HostStuckError"]

_TAG: Final = "DSPASH_BENCH_HOST"  # in the environment of a host: finds children that left its process tree
_CLOSE_LIMIT_S: Final = 5.0


class ActFailedError(Exception):
    """The host process could not do what it was told; the message says why. The host may be used further."""


class HostStuckError(ActFailedError):
    """No answer in time, or the host process is gone. Kill it."""


class Host:
    """One process that drives one contestant, or one predictor: its `role`. `do` is for one thread."""

    def __init__(self, role: str, name: str) -> None:
        self.name = name
        self._tag = uuid.uuid4().hex
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the host; kill() closes it
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.host_main", role, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, _TAG: self._tag, "PYTHONPATH": _python_path()},
            start_new_session=True,
        )
        self._unread = b""
        try:
            self.title: str = self._answer(60)
        except ActFailedError:
            self.kill()
            raise

    def __repr__(self) -> str:
        return f"<Host {self.name} pid={self._process.pid}>"

    @property
    def pid(self) -> int:
        """The host process."""
        return self._process.pid

    def do(self, act: str, *, limit_s: float = 60, **given: Any) -> Any:
        """Perform one act and return its value. Raises ActFailedError, or HostStuckError after `limit_s`."""
        assert self._process.stdin is not None, "asked for above"
        try:
            self._process.stdin.write(json.dumps({"act": act, "with": given}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise HostStuckError(f"{self.name} is gone: {error}{self._log_tail()}") from None
        return self._answer(limit_s)

    def close(self) -> None:
        """End the contestant, then the host and whatever the contestant left behind."""
        with suppress(ActFailedError):
            self.do("close", limit_s=_CLOSE_LIMIT_S)
        self.kill()

    def kill(self) -> None:
        """End everything now."""
        family = list(self.family())
        self._process.kill()
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                # What is still buffered for a dead host is of no use to anyone.
                with suppress(OSError):
                    stream.close()
        self._log.close()

    def family(self) -> Iterator[psutil.Process]:
        """The host's descendants, and every process that carries its tag or was started by one that does."""
        seen = {self.pid}
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self.pid).children(recursive=True):
                seen.add(process.pid)
                yield process
        for process in psutil.process_iter():
            if process.pid not in seen and self._carries_tag(process):
                seen.add(process.pid)
                yield process

    def _carries_tag(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error, OSError):
            environment = Path(f"/proc/{process.pid}/environ").read_bytes()
            return f"{_TAG}={self._tag}".encode() in environment
        return False

    def _answer(self, limit_s: float) -> Any:
        raw = json.loads(self._read_line(limit_s))
        if "error" in raw:
            raise ActFailedError(f"{self.name}: {raw['error']}")
        return raw["value"]

    def _read_line(self, limit_s: float) -> bytes:
        """The next line of the host; lines may be long, so they are read in pieces against one deadline."""
        assert self._process.stdout is not None, "asked for above"
        deadline = time.monotonic() + limit_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise HostStuckError(f"{self.name} gave no answer for {limit_s:g} s{self._log_tail()}")
                piece = os.read(self._process.stdout.fileno(), 1 << 16)
                if not piece:
                    raise HostStuckError(f"{self.name} is gone{self._log_tail()}")
                self._unread += piece
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _log_tail(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()[-5:]
        return "".join(f"\n    {line}" for line in lines)


def _python_path() -> str:
    """Where the host, and the processes its contestant starts, find this package."""
    ours = str(Path(__file__).resolve().parent.parent)
    return os.pathsep.join((ours, *filter(None, [os.environ.get("PYTHONPATH")])))
