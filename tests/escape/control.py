"""Control: runs an attempt as a plain process, with nothing in its way."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.escape.attempt import Attempt
from tests.escape.outcome import Outcome
from tests.escape.planted import Garden
from tests.escape.texts import WITNESS_TEXT, text_of

__all__ = ["run_as_process"]

_HOST: Final = Path(__file__).with_name("control_host.py")
_END_OF_NOISE: Final = b"\n-- outcome --\n"
_BOUND_S: Final = 15.0


class _Process:
    """One plain process that executes one program."""

    def __init__(self, garden: Garden, scratch: Path, stdin: int) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs, contextlib.ExitStack() as undo:
            undo.callback(self._channel.close)
            os.set_inheritable(theirs.fileno(), True)
            self._popen = subprocess.Popen(
                [sys.executable, "-I", str(_HOST), str(theirs.fileno()), garden.secrets["argument"]],
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(theirs.fileno(), *garden.inheritable),
                cwd=scratch,
                env={**os.environ, "HOME": str(scratch)},
                start_new_session=True,
            )
            undo.pop_all()
        self._stderr = bytearray()
        self._reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._reader.start()

    def begin(self, text: str, entry: str, planted: Mapping[str, Any], secret: str) -> None:
        request = {
            "text": text,
            "entry": entry,
            "planted": planted,
            "witness": WITNESS_TEXT,
            "secret": secret,
        }
        self._channel.sendall(json.dumps(request).encode() + b"\n")

    def outcome(self) -> Outcome:
        """Wait for its end. Raises TimeoutError."""
        self._channel.settimeout(_BOUND_S)
        said = bytearray()
        with contextlib.suppress(ConnectionError):
            while piece := self._channel.recv(1 << 20):
                said += piece
                if _END_OF_NOISE in said and said.endswith(b"}"):
                    break
        self.end()
        _, mark, last = said.rpartition(_END_OF_NOISE)
        found: dict[str, Any] = json.loads(last) if mark else {}
        return Outcome(
            found.get("answer"),
            found.get("error", ""),
            self._stderr.decode(errors="replace"),
            found.get("beside", ""),
        )

    def end(self) -> None:
        """Kill it; what it has started in sessions of their own stays, which the garden looks for."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait(_BOUND_S)
        self._reader.join(_BOUND_S)
        self._channel.close()

    def _read_stderr(self) -> None:
        assert self._popen.stderr is not None
        with self._popen.stderr as pipe:
            while piece := os.read(pipe.fileno(), 1 << 16):
                self._stderr += piece


def run_as_process(garden: Garden, attempt: Attempt, planted: Mapping[str, Any], number: int) -> Outcome:
    """Run it as a process of the same user; a pair as two, which are given one `stdin`, one folder and no more."""
    with tempfile.TemporaryDirectory(dir=garden.folder) as folder, open(os.devnull, "rb") as null:
        scratch = Path(folder)
        neighbour = _Process(garden, scratch, null.fileno()) if attempt.is_pair else None
        try:
            if neighbour is not None:
                neighbour.begin(text_of(attempt), "neighbour", {**planted, "number": number}, "")
            listener = _Process(garden, scratch, null.fileno())
            try:
                listener.begin(text_of(attempt), "attempt", planted, garden.secrets["memory"])
                return listener.outcome()
            finally:
                listener.end()
        finally:
            if neighbour is not None:
                neighbour.end()
