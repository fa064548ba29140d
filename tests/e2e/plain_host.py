"""A host of one worker at the plain level: the standard library, and nothing of dspash."""

from __future__ import annotations

import itertools
import json
import struct
import subprocess
import sys
from typing import Any


class WorkerError(Exception):
    """The worker's answer to a request was an error."""


class Worker:
    """One worker process. `codec` is a module with `dumps` and `loads`, such as json or msgpack."""

    def __init__(self, codec: Any = json, **options: Any) -> None:
        command = [sys.executable, "-P", "-m", "dspash_worker"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.requests, self.answers = self.process.stdin, self.process.stdout
        self.codec = codec
        self.ids = itertools.count(1)

    def call(self, command: str, args: dict[str, Any]) -> Any:
        """Ask, wait for the answer, return its result."""
        request = {"id": next(self.ids), "command": command, "args": args}
        payload = self.codec.dumps(request)
        payload = payload.encode() if isinstance(payload, str) else payload
        self.requests.write(struct.pack(">I", len(payload)) + payload)
        self.requests.flush()
        (length,) = struct.unpack(">I", self.read(4))
        answer = self.codec.loads(self.read(length))
        assert answer["id"] == request["id"], "one request at a time, so this is its answer"
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer["result"]

    def read(self, count: int) -> bytes:
        """Return just `count` bytes, however they arrive."""
        data = self.answers.read(count)
        if len(data) < count:
            raise EOFError(f"the worker ended, exit status {self.process.wait()}")
        return data

    def close(self) -> int:
        """End the worker by closing its stdin; return its exit status."""
        self.requests.close()
        return self.process.wait(timeout=10)
