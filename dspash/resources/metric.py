"""Metric: how predictions are scored, under a name."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias, cast

from pydantic import Field, JsonValue

from dspash.errors import InvalidInputError, NotFoundError, Problem, ProgramError
from dspash.resources.content import hash_of
from dspash.resources.kernel import Attribute, Resource, Scene, Values, create, generic, update
from dspash.resources.refusal import refused
from dspash.resources.runtime import runtime_of
from dspash_protocol.signature import closest

__all__ = ["BUILT_IN_METRICS", "Metric", "MetricType", "resolve_metric"]

BUILT_IN_METRICS: Final = ("exact_match", "f1_score", "contains", "passage_match", "answer_passage_match")
"""What every worker knows by name. Texts are compared as SQuAD does: without case, punctuation, articles and accents' forms."""


MetricType: TypeAlias = Literal[
    "exact_match", "f1_score", "contains", "passage_match", "answer_passage_match", "code", "judge", "host"
]
"""What does the scoring: a built-in, Python source that a worker runs, a language model by instructions, or a function that
the app was given by name."""

_PARTS: Final = {"code": "code", "judge": "instructions", "host": "function"}
"""What a type is made of; a built-in may be told the field that it compares."""


class Metric(Resource, table="metrics"):
    """How predictions are scored: one of the built-ins, code of one's own, a language model, or a function of the app."""

    name: Annotated[
        str, Attribute("How people, runs and evaluations refer to it.", unique=True, max_length=200)
    ]
    description: Annotated[str, Attribute("What a high score means.")] = ""
    type: Annotated[str, Attribute("What does the scoring.", indexed=True, max_length=40)]
    field: Annotated[
        str | None, Attribute("The field that a built-in compares; none where there is one choice.")
    ] = None
    code: Annotated[
        str | None,
        Attribute(
            "Python source with one function of example, prediction[, trace]; run in workers, never in the host."
        ),
    ] = None
    instructions: Annotated[str | None, Attribute("What a language model is told to look for.")] = None
    function: Annotated[
        str | None, Attribute("The name under which the app was given a function of its own.", max_length=200)
    ] = None
    content_hash: Annotated[
        str,
        Attribute(
            "The SHA-256 of how it scores: equal metrics have equal ones.", indexed=True, max_length=64
        ),
    ]

    @create
    def create(
        scene: Scene,
        *,
        name: Annotated[str, Field(min_length=1)],
        type: MetricType,
        field: str | None = None,
        code: str | None = None,
        instructions: str | None = None,
        function: str | None = None,
        description: str = "",
    ) -> Values:
        """Make a metric: `code` for type code, `instructions` for judge, `function` for host, `field` for a built-in."""
        if name in BUILT_IN_METRICS:
            raise refused("$.name", f"{name} is what a built-in is called")
        parts = {"field": field, "code": code, "instructions": instructions, "function": function}
        return {"name": name, "description": description, **_content(type, parts)}

    @update
    def update(
        scene: Scene,
        record: Metric,
        *,
        type: MetricType | None = None,
        field: str | None = None,
        code: str | None = None,
        instructions: str | None = None,
        function: str | None = None,
        description: str | None = None,
    ) -> Values:
        """Change what is given; the rest stays, unless another type has no use for it."""
        kind = cast("MetricType", record.type) if type is None else type
        given = {"field": field, "code": code, "instructions": instructions, "function": function}
        kept = {name: getattr(record, name) for name in given} if kind == record.type else {}
        parts = {name: kept.get(name) if value is None else value for name, value in given.items()}
        told = record.description if description is None else description
        return {"description": told, **_content(kind, parts)}

    @generic
    def score(
        scene: Scene, record: Metric, *, example: dict[str, JsonValue], prediction: dict[str, JsonValue]
    ) -> dict[str, JsonValue]:
        """Have a worker score one prediction against an example: `{score, feedback}`.

        Raises what the metric raised, such as ProgramError where a field is missing.
        """
        (verdict,) = runtime_of(scene).score(record.to_wire(), [(example, prediction)])
        if verdict.error is not None:
            raise ProgramError(verdict.error)
        return {"score": verdict.score, "feedback": verdict.feedback}

    def to_wire(self) -> dict[str, JsonValue]:
        """Return it as workers take it."""
        match self.type:
            case "code":
                return {"source": self.code}
            case "judge":
                return {"judge": self.instructions}
            case "host":
                return {"host": self.function}
            case name:
                return {"name": name, **({} if self.field is None else {"field": self.field})}


def resolve_metric(scene: Scene, metric: JsonValue, path: str = "$.metric") -> Any:
    """Return `metric` as workers take it: a name that no built-in has is that of a Metric.

    Raises InvalidInputError where there is none.
    """
    if not isinstance(metric, str) or metric in BUILT_IN_METRICS:
        return metric
    try:
        return scene.of(Metric).get(metric).to_wire()
    except NotFoundError:
        hint = closest(metric, BUILT_IN_METRICS) or f"built in are {', '.join(BUILT_IN_METRICS)}"
        raise refused(path, f"no metric is called {metric!r:.60}; {hint}") from None


def _content(type_: MetricType, parts: dict[str, str | None]) -> dict[str, Any]:
    """The attributes that say how it scores. Raises InvalidInputError for what is missing and what does not belong."""
    wanted = _PARTS.get(type_, "field")
    problems = [
        Problem(f"$.{name}", f"a metric of type {type_} has none")
        for name, value in parts.items()
        if value is not None and name != wanted
    ]
    if wanted != "field" and not (parts[wanted] or "").strip():
        problems.append(Problem(f"$.{wanted}", f"missing: a metric of type {type_} is made of it"))
    if type_ == "passage_match" and parts["field"] is not None:
        problems.append(Problem("$.field", "passage_match compares citations with gold_passages"))
    if problems:
        raise InvalidInputError.of(problems)
    content = {"type": type_, **parts}
    return {**content, "content_hash": hash_of(content)}
