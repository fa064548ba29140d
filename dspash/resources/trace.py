"""Trace: one execution of a program or module, with every step inside it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import JsonValue

from dspash.resources.kernel import Attribute, BelongsTo, Resource, Scene, generic
from dspash.resources.recording.retention import Retention, prune
from dspash.resources.tracing.metrics import metrics_of
from dspash.resources.tracing.steps import Step, read_steps
from dspash_protocol.trace import MAX_TRACE

__all__ = ["Trace"]


class Trace(Resource, table="traces", append_only=True, audited=False):
    """One execution of a program or module, and the tree of modules, language models and tools that ran inside it.

    The execution is the host's own account. Its steps are what its worker told of them: no more to be trusted than the
    program that ran. Values are cut where they are long, and keys are taken out.
    """

    kind: Annotated[Literal["program", "module"], Attribute("What was executed.", max_length=20)]
    name: Annotated[str, Attribute("Its name.", indexed=True, max_length=200)]
    type: Annotated[str, Attribute("Its form, or the type of the module.", max_length=200)] = ""
    program_id: Annotated[
        UUID | None, Attribute("The program, where one is kept.", references="Program", on_delete="set null")
    ] = None
    program_version: Annotated[int | None, Attribute("Which of its versions that was.")] = None
    module_id: Annotated[
        UUID | None, Attribute("The module, where one is kept.", references="Module", on_delete="set null")
    ] = None
    status: Annotated[Literal["succeeded", "failed"], Attribute("How it ended.", indexed=True, max_length=20)]
    started_at: Annotated[datetime, Attribute("When it began.")]
    duration_s: Annotated[float, Attribute("How long it took, in seconds.", indexed=True)]
    lm_calls: Annotated[int, Attribute("Calls of language models.")] = 0
    lm_tokens: Annotated[int, Attribute("Tokens of those calls, prompts and completions together.")] = 0
    tool_calls: Annotated[int, Attribute("Calls of the host's tools.")] = 0
    lm_wait_s: Annotated[
        float, Attribute("The time in which it waited for a language model, in seconds.")
    ] = 0.0
    inputs: Annotated[JsonValue | None, Attribute("What went in.")] = None
    outputs: Annotated[JsonValue | None, Attribute("What came out; none where it failed.")] = None
    reasoning: Annotated[str | None, Attribute("The reasoning among the outputs.")] = None
    error: Annotated[JsonValue | None, Attribute("Why it failed: kind, type and message.")] = None
    dropped: Annotated[int, Attribute("Pieces and steps that were not told, or not kept.")] = 0
    steps: Annotated[
        str,
        Attribute(
            "Its steps as the worker told them, a JSON list a line; `tree` reads them.",
            max_length=2 * MAX_TRACE,
        ),
    ] = ""

    program = BelongsTo("Program", by="program_id")
    module = BelongsTo("Module", by="module_id")

    def root(self) -> Step:
        """The execution with its steps inside it, read as from somebody who is not trusted."""
        return read_steps(self)

    @generic
    def tree(scene: Scene, record: Trace) -> dict[str, Any]:
        """The execution as a tree: each step with its name, times, inputs, outputs, prompt, response and steps."""
        return record.root().to_map()

    @generic
    def metrics(
        scene: Scene,
        *,
        name: str | None = None,
        program_id: UUID | None = None,
        module_id: UUID | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        every: timedelta | None = None,
    ) -> dict[str, Any]:
        """How often something was executed from `since` until `until`, by default in the last day, how often it succeeded,
        and the mean and percentiles of its times; of everything, unless a name, program or module is given. `every`
        divides that time.
        """
        subject = {"name": name, "program_id": program_id, "module_id": module_id}
        return metrics_of(scene, subject, since=since, until=until, every=every).to_map()

    @generic
    def prune(
        scene: Scene, *, max_age: timedelta | None = None, max_records: int | None = None
    ) -> dict[str, int]:
        """Remove executions older than `max_age`, and all but the last `max_records`."""
        return {"removed": prune(scene, Trace, Retention(max_age, max_records))}
