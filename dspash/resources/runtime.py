"""Runtime: the port through which actions have workers run what the resources describe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from dspash.errors import UnavailableError
from dspash.prediction import Prediction
from dspash.resources.content import Content, State
from dspash_protocol import Progress

if TYPE_CHECKING:
    from dspash.resources.kernel import Scene

__all__ = [
    "Definition",
    "Improvement",
    "Judged",
    "Judgement",
    "OnJudged",
    "OnProgress",
    "Runtime",
    "Task",
    "Verdict",
    "cancel_job",
    "runtime_of",
]

OnProgress: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Hears what a job tells while it goes on: `{"done", "total", "score"}`, or `{"kind": "candidate", …}`."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A module or program for workers to build. `sandbox` has settings that differ from the runtime's own, by name."""

    name: str
    content: Content
    sandbox: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What an optimizer is to do. Examples are maps of inputs and labels; `config` is the optimizer's own."""

    optimizer: str
    trainset: Sequence[Mapping[str, Any]]
    metric: Any
    valset: Sequence[Mapping[str, Any]] | None = None
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Improvement:
    """What an optimizer has made: the state learned, its score from 0 to 1, what it tried, and how each example went."""

    state: State
    score: float | None
    candidates: Sequence[Mapping[str, Any]] = ()
    traces: Sequence[Mapping[str, Any]] = ()
    usage: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Judged:
    """One example's outcome: its place in the set, its score, and the output fields or the error."""

    index: int
    score: float
    prediction: Mapping[str, Any] | None
    error: str | None


OnJudged: TypeAlias = Callable[[Sequence[Judged]], None]
"""Hears of outcomes as they come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How a module or program did on a set: the mean score, failures counting 0, and every example's outcome."""

    score: float
    results: Sequence[Judged]
    usage: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a metric says of one prediction: a score, higher being better, and what to learn from it; or why it says none."""

    score: float
    feedback: str | None = None
    error: str | None = None


class Runtime(Protocol):
    """What runs programs. Every method may be called from any thread, waits for its result, and raises DspashErrors.

    A definition is built where it is needed, and once for each content: building it again costs nothing.
    """

    def inspect(self, definition: Definition) -> State:
        """DSPy's own state of every predictor of the definition, learned or as its source has it."""
        ...

    def execute(
        self, definition: Definition, inputs: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> Prediction:
        """Run it once. `inputs` has exactly its input fields. Not retried."""
        ...

    def evaluate(
        self,
        definition: Definition,
        devset: Sequence[Mapping[str, Any]],
        metric: Any,
        *,
        job: str,
        on_progress: OnProgress,
        known: Sequence[Judged] = (),
        on_judged: OnJudged | None = None,
        example_timeout_s: float | None = None,
    ) -> Judgement:
        """Run it on every example but those whose outcome is `known`, and score the predictions.

        `job` is the name to cancel it by. An example that takes longer than `example_timeout_s` counts as failed.
        """
        ...

    def optimize(
        self, definition: Definition, task: Task, *, job: str, on_progress: OnProgress
    ) -> Improvement:
        """Have an optimizer improve it; `job` is the name to cancel it by."""
        ...

    def score(
        self, metric: Any, cases: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]
    ) -> Sequence[Verdict]:
        """What a metric, as workers take it, says of each case: an example, and a prediction made before."""
        ...

    def generate(self, model: str, prompt: str, options: Mapping[str, Any]) -> str:
        """What a model says to one prompt, through the gateway; `options` are of a request's config."""
        ...

    def targets(self, names: Sequence[str]) -> Mapping[str, str]:
        """The models, as `provider/model`, that these names and `default` lead to. Raises UnsupportedModelError."""
        ...

    def cancel(self, job: str, reason: str) -> bool:
        """End the job, which raises CallCancelledError where it is waited for; whether it was running here."""
        ...


def runtime_of(scene: Scene) -> Runtime:
    """What runs programs in this scene. Raises UnavailableError where nothing does."""
    try:
        return scene.runtime
    except RuntimeError as error:
        raise UnavailableError(str(error), progress=Progress.NOT_SENT) from None


def cancel_job(scene: Scene, job: str, reason: str) -> None:
    """End the job if it is running here."""
    try:
        runtime = scene.runtime
    except RuntimeError:
        return  # where nothing runs programs, this does not either
    runtime.cancel(job, reason)
