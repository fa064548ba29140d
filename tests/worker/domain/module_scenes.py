"""Modules made, run and looked at, for the tests of them."""

from __future__ import annotations

from typing import Any

from dspash_protocol import ReverseCommand
from dspash_worker.testing import LocalWorker

__all__ = ["ADD", "PLAIN", "QA", "SEARCH", "asked", "prompt_of", "run"]

SEARCH = {
    "name": "search",
    "desc": "Find passages",
    "args": {"query": {"type": "string"}, "k": {"type": "integer", "default": 2}},
}
ADD = {"name": "add", "desc": "Add two numbers", "args": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
QA = "question -> answer"
PLAIN = {"type": "predict", "signature": QA}


def asked(worker: LocalWorker, command: ReverseCommand) -> list[Any]:
    assert worker.last is not None
    return [args for told, args in worker.last.asked if told is command]


def prompt_of(args: Any) -> str:
    request = args["request"]
    return request.get("system", "") + "".join(
        part["text"] for message in request["messages"] for part in message["parts"]
    )


def run(worker: LocalWorker, inputs: dict[str, Any], **create: Any) -> dict[str, Any]:
    worker.call("create_module", id="m", **create)
    return worker.call("forward", module_id="m", inputs=inputs)
