"""RunFindings: what the records say of an optimisation, for a page or a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dspash.errors import DspashError
from dspash.reports.candidate import Candidate, candidates_of
from dspash.resources.content import ContentError, diff_contents, wire_of
from dspash.resources.lm.usage import LMUsage, usage_of
from dspash.resources.lm_request import LMRequest
from dspash.resources.module import Module
from dspash.resources.optimization_run import OptimizationRun, subject_of
from dspash.resources.program import Program
from dspash.resources.subject import definition_of_subject

if TYPE_CHECKING:
    from dspash.resources.kernel import Scene

__all__ = ["ExampleOutcome", "LearnedDiff", "RunFindings", "read_run"]

MOST_LATENCIES: Final = 20_000
"""So many calls, the newest ones, a distribution of latencies is made of."""

_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class ExampleOutcome:
    """How the result did on one example: its place in the set, from 0, its score from 0 to 1, or why it failed."""

    index: int
    score: float
    error: str | None


@dataclass(frozen=True, slots=True)
class LearnedDiff:
    """What the best program differs in from the one that the run began with, as lines that begin with `+`, `-` or neither.

    `note` says what the lines leave open; it is empty where that is nothing.
    """

    lines: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFindings:
    """A run: its record, the `subject` it improves, what it tried and what that took.

    `latencies_ms` are of calls that a model answered. `usage` has an entry for each model.
    """

    record: OptimizationRun
    subject: str
    candidates: tuple[Candidate, ...]
    outcomes: tuple[ExampleOutcome, ...]
    usage: tuple[LMUsage, ...]
    latencies_ms: tuple[float, ...]
    learned: LearnedDiff


def read_run(scene: Scene, key: str) -> RunFindings:
    """All that is known of the run of this id or name. Raises NotFoundError and StoreError."""
    record = scene.of(OptimizationRun).get(key)
    calls = {"run": str(record.id)}
    return RunFindings(
        record=record,
        subject=_subject_of(scene, record),
        candidates=candidates_of(record.trials),
        outcomes=_outcomes_of(record.traces),
        usage=tuple(usage_of(scene, ("model",), calls)),
        latencies_ms=_latencies_of(scene, calls),
        learned=_learned_in(scene, record),
    )


def _subject_of(scene: Scene, record: OptimizationRun) -> str:
    if record.module_id is not None:
        return scene.of(Module).get(record.module_id).name
    name = scene.of(Program).get(str(record.program_id)).name
    return name if record.program_version is None else f"{name} version {record.program_version}"


def _outcomes_of(traces: Sequence[Mapping[str, Any]]) -> tuple[ExampleOutcome, ...]:
    """Those traces that are a result, as `evaluate` answers them; a worker's word, so others may be among them."""
    found: list[ExampleOutcome] = []
    for trace in traces:
        match trace:
            case {"index": int(index), "score": int() | float() as score}:
                error = trace.get("error")
                found.append(ExampleOutcome(index, float(score), None if error is None else str(error)))
            case _:
                continue
    return tuple(sorted(found, key=lambda each: each.index))


def _latencies_of(scene: Scene, calls: Mapping[str, Any]) -> tuple[float, ...]:
    requests, found, after = scene.of(LMRequest), list[float](), None
    while True:
        page = requests.list(
            filter={**calls, "status": "answered"},
            sort="-created_at",
            limit=_PAGE,
            after=after,
            select=["latency_ms", "tries"],
        )
        found += [
            each.latency_ms for each in page.items if each.tries
        ]  # others came from what was had before
        after = page.next
        if after is None or len(found) >= MOST_LATENCIES:
            return tuple(found[:MOST_LATENCIES])


def _learned_in(scene: Scene, record: OptimizationRun) -> LearnedDiff:
    state = record.best_program_state
    if state is None:
        return LearnedDiff(note="Nothing is learned yet.")
    try:
        before = definition_of_subject(scene, subject_of(record)).content
        lines = tuple(diff_contents(before, before.with_state(wire_of(state))).lines())
    except (ContentError, DspashError) as error:
        return LearnedDiff(note=f"What was learned cannot be compared: {error}")
    if before.state is None:
        note = "It began with what its source says, which only a worker knows: all that is learned counts as added."
        return LearnedDiff(lines, note)
    return LearnedDiff(lines, "" if lines else "The best program is the one that it began with.")
