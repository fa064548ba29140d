"""Running: `forward` and `execute`, one call of a module or a program."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import dspy

from dspash_protocol import FaultError, FaultKind
from dspash_worker.call import Call
from dspash_worker.definitions import Definition
from dspash_worker.faults import of_program
from dspash_worker.output_folder import read_folder, send_files
from dspash_worker.refusal import pick
from dspash_worker.streaming import run_streaming
from dspash_worker.tracing import tracing
from dspash_worker.wire_types import fields_to_wire
from dspash_worker.workbench import Workbench, id_of

__all__ = ["execute", "fields_of", "forward"]


def forward(workbench: Workbench, call: Call) -> dict[str, Any]:
    """Answer `forward {module_id, inputs, stream?, detail?, files?, trace?}` with the output fields."""
    return _run(workbench, call, workbench.definition(call, id_of(call.args, "module_id", "id")))


def execute(workbench: Workbench, call: Call) -> dict[str, Any]:
    """Answer `execute {program_id, inputs, stream?, detail?, files?, trace?}` with the output fields.

    With `detail` the answer is `{fields, usage}`, usage being tokens by model, and `completions` where there are
    several. With `stream` pieces of the text fields come as items on the way. With `files`, the name of a folder, what the
    program leaves there comes as file events. With `trace` the steps inside it come as trace events, also when it fails.
    """
    return _run(workbench, call, workbench.definition(call, id_of(call.args, "program_id", "id")))


def _run(workbench: Workbench, call: Call, definition: Definition) -> dict[str, Any]:
    streams = pick(call.args, "stream", bool, "true or false", default=False) and call.full
    detail = pick(call.args, "detail", bool, "true or false", default=False)
    traces = pick(call.args, "trace", bool, "true or false", default=False) and call.full
    folder = read_folder(call.args.get("files"), path="$.files")
    inputs = definition.inputs.accept(call.args.get("inputs", {}))
    started = time.perf_counter()
    succeeded = False
    try:
        with workbench.context(call, definition.settings) as usage, of_program(definition.title):
            program = definition.instance()
            with tracing(call, program) if traces else nullcontext():
                result = run_streaming(program, inputs, call) if streams else program(**inputs)
            fields = fields_of(result, definition.title)
        succeeded = True
        if folder is not None:
            send_files(call, folder)
    finally:
        definition.tally.count(time.perf_counter() - started, succeeded=succeeded)
    if not detail:
        return fields
    return {"fields": fields, "usage": usage.totals(), **_completions(result)}


def fields_of(result: object, title: str) -> dict[str, Any]:
    """Return the output fields of what a program returned. Raises FaultError when that has no fields."""
    if isinstance(result, dspy.Example):
        return fields_to_wire(dict(result.items()))
    if isinstance(result, Mapping):
        return fields_to_wire(result)
    kind = "nothing" if result is None else type(result).__name__
    raise FaultError.of(FaultKind.PROGRAM_ERROR, f"{title} returned {kind}, not a Prediction or a map")


def _completions(result: object) -> dict[str, Any]:
    completions = result.completions if isinstance(result, dspy.Prediction) else None
    if completions is None or len(completions) < 2:
        return {}
    return {
        "completions": [fields_to_wire(dict(completions[index].items())) for index in range(len(completions))]
    }
