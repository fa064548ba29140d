"""LMRequest: one call of a language model that went through the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from dspash.resources.kernel import Attribute, Resource, Scene, generic
from dspash.resources.lm.texts import response_text
from dspash.resources.lm.usage import Grouping, usage_of
from dspash.resources.recording.retention import Retention, prune

__all__ = ["LMRequest"]


class LMRequest(Resource, table="lm_requests", append_only=True, audited=False):
    """One call of a language model: what was asked, what it answered, what that took and cost, and who had it made.

    Each call that came to the gateway has one, those answered from the cache or a run's journal too; their `source` says
    so, and they cost nothing. Texts are cut where they are long, and keys are taken out.
    """

    kind: Annotated[Literal["completion", "embedding"], Attribute("What was asked for.", max_length=20)]
    provider: Annotated[str, Attribute("The provider that answered, or was asked first.", max_length=200)]
    model: Annotated[str, Attribute("The model, as its provider knows it.", max_length=500)]
    alias: Annotated[str, Attribute("What the caller called the model.", max_length=500)] = ""
    key_id: Annotated[str, Attribute("A fingerprint of the provider's key.", max_length=200)] = ""
    status: Annotated[Literal["answered", "failed", "cancelled"], Attribute("How it ended.", max_length=20)]
    source: Annotated[
        Literal["provider", "local", "cache", "journal", "flight"] | None,
        Attribute(
            "Where the answer came from: a provider, a model in this process, the cache, the journal of a run that is "
            "repeated, or an equal call that was under way; none without an answer.",
            max_length=20,
        ),
    ] = None
    prompt: Annotated[JsonValue | None, Attribute("What was asked: system, messages, tools; or inputs.")] = (
        None
    )
    options: Annotated[dict[str, JsonValue], Attribute("The request's settings.")] = Field(
        default_factory=dict[str, JsonValue]
    )
    meta: Annotated[dict[str, JsonValue], Attribute("What told it from equal requests.")] = Field(
        default_factory=dict[str, JsonValue]
    )
    response: Annotated[
        JsonValue | None, Attribute("What was answered; embeddings without their numbers.")
    ] = None
    error: Annotated[JsonValue | None, Attribute("Why it failed: code, type and message.")] = None
    input_tokens: Annotated[int, Attribute("Tokens read by the model.")] = 0
    output_tokens: Annotated[int, Attribute("Tokens written by the model.")] = 0
    cached_tokens: Annotated[int, Attribute("Tokens read that the provider had in its own cache.")] = 0
    reasoning_tokens: Annotated[int, Attribute("Tokens of reasoning.")] = 0
    tokens_used: Annotated[int, Attribute("All tokens, as the model counts them.")] = 0
    cost: Annotated[float | None, Attribute("What it cost, in US dollars; none where that is not known.")] = (
        None
    )
    cost_basis: Annotated[str, Attribute("The price table that the cost is by.", max_length=500)] = ""
    latency_ms: Annotated[float, Attribute("How long its caller waited, in milliseconds.")]
    first_token_ms: Annotated[
        float | None, Attribute("How long the first token of a stream took, in milliseconds.")
    ] = None
    tries: Annotated[int, Attribute("How often a model was asked for it; 0: the answer was had before.")] = 0
    attempts: Annotated[
        list[dict[str, JsonValue]], Attribute("Each time that a model was asked: target, time, error.")
    ] = Field(default_factory=list[dict[str, JsonValue]])
    request_id: Annotated[str, Attribute("The provider's own name for it.", max_length=500)] = ""
    program: Annotated[
        str, Attribute("The program or module that it was made for; empty: the host itself.", indexed=True)
    ] = ""
    program_id: Annotated[UUID | None, Attribute("The same, where its record is known.")] = None
    run: Annotated[
        str | None,
        Attribute("The optimisation or evaluation that it is part of.", indexed=True, max_length=200),
    ] = None

    @property
    def response_text(self) -> str:
        """The text of the answer; empty without one."""
        return response_text(self.response)

    @generic
    def usage(
        scene: Scene,
        *,
        by: Grouping | Sequence[Grouping] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        program: str | None = None,
        run: str | None = None,
        model: str | None = None,
        provider: str | None = None,
    ) -> list[dict[str, Any]]:
        """Calls, tokens, cost and latency of what was asked from `since` until `until`, by default of all that is kept.

        `by` groups them: by provider, model, program, run, day, or several of those. Percentiles are of the calls that a
        model answered; `unpriced` counts those whose price is not known, which the cost leaves out.
        """
        groups = (by,) if isinstance(by, str) else tuple(by)
        chosen = {"program": program, "run": run, "model": model, "provider": provider}
        return [found.to_map() for found in usage_of(scene, groups, chosen, since=since, until=until)]

    @generic
    def prune(
        scene: Scene, *, max_age: timedelta | None = None, max_records: int | None = None
    ) -> dict[str, int]:
        """Remove calls older than `max_age`, and all but the last `max_records`."""
        return {"removed": prune(scene, LMRequest, Retention(max_age, max_records))}
