"""A host of one worker at the plain level: the standard library, and nothing of dspash."""

from __future__ import annotations

import itertools
import json
import struct
import subprocess
import sys
from collections.abc import Sequence
from typing import Any


class WorkerError(Exception):
    """The worker's answer to a request was an error."""


class Worker:
    """One worker process. `codec` is a module with `dumps` and `loads`, such as json or msgpack."""

    def __init__(self, codec: Any = json, *, command_line: Sequence[str] = (), **options: Any) -> None:
        command = [sys.executable, "-P", "-m", "dspash_worker", *command_line]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.requests, self.answers = self.process.stdin, self.process.stdout
        self.codec = codec
        self.ids = itertools.count(1)

    def call(self, command: str, args: dict[str, Any]) -> Any:
        """Ask, wait for the answer, return its result."""
        request_id = self.send(command, args)
        answer = self.receive()
        assert answer["id"] == request_id, "one request at a time, so this is its answer"
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer["result"]

    def send(self, command: str, args: dict[str, Any], **more: Any) -> int:
        """Ask, with `more` keys of a request if need be; return the request's id."""
        request_id = next(self.ids)
        payload = self.codec.dumps({"id": request_id, "command": command, "args": args, **more})
        payload = payload.encode() if isinstance(payload, str) else payload
        self.requests.write(struct.pack(">I", len(payload)) + payload)
        self.requests.flush()
        return request_id

    def receive(self) -> dict[str, Any]:
        """Wait for the next answer, whichever request it belongs to."""
        (length,) = struct.unpack(">I", self.read(4))
        return self.codec.loads(self.read(length))

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
