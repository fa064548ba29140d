"""Conducted: what runs and evaluations have in common: whose they are, how they stand, and who carries them out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue

from dspash.resources.kernel import (
    Attribute,
    BelongsTo,
    Resource,
    Scene,
    StateMachine,
    Values,
    internal,
    update,
)
from dspash.resources.runtime import cancel_job
from dspash.resources.software import installed_software

__all__ = ["Conducted"]


class Conducted(Resource):
    """Work on a program or module that a process carries out.

    While it goes on it tells its progress and gives signs of life; one whose process has died is interrupted as soon as
    somebody opens the database again. See `conduct`, which carries it out.
    """

    status: Annotated[str, Attribute("How it stands.", indexed=True, max_length=20)]
    program_id: Annotated[
        UUID | None, Attribute("The program it is of.", references="Program", on_delete="cascade")
    ] = None
    program_version: Annotated[int | None, Attribute("Which of its versions.")] = None
    module_id: Annotated[
        UUID | None, Attribute("The module it is of.", references="Module", on_delete="cascade")
    ] = None
    dataset_id: Annotated[
        UUID | None,
        Attribute(
            "The data set its examples are of, where they are of one.",
            references="Dataset",
            on_delete="set null",
        ),
    ] = None
    split: Annotated[
        str | None, Attribute("Which set of the data set; all of it otherwise.", max_length=100)
    ] = None
    metric: Annotated[JsonValue, Attribute("How predictions are scored, as a worker takes it.")] = None
    metric_name: Annotated[str, Attribute("What people call the metric.", max_length=200)] = ""
    progress: Annotated[dict[str, JsonValue], Attribute("What it told last.")] = Field(
        default_factory=dict[str, JsonValue]
    )
    usage: Annotated[dict[str, JsonValue], Attribute("What it has used of machine, models and tools.")] = (
        Field(default_factory=dict[str, JsonValue])
    )
    error: Annotated[str | None, Attribute("Why it failed.")] = None
    software: Annotated[dict[str, str], Attribute("The versions of what carries it out.")] = Field(
        default_factory=dict[str, str]
    )
    owner: Annotated[dict[str, JsonValue], Attribute("The process that carries it out.")] = Field(
        default_factory=dict[str, JsonValue]
    )
    seen_at: Annotated[datetime | None, Attribute("Its last sign of life.")] = None
    started_at: Annotated[datetime | None, Attribute("When it began, the last time.")] = None
    ended_at: Annotated[datetime | None, Attribute("When it ended.")] = None

    program = BelongsTo("Program", by="program_id")
    module = BelongsTo("Module", by="module_id")
    dataset = BelongsTo("Dataset", by="dataset_id")
    states = StateMachine(
        attribute="status",
        initial="pending",
        transitions={
            ("pending", "begin"): "running",
            ("pending", "cancel"): "cancelled",
            ("running", "complete"): "completed",
            ("running", "fail"): "failed",
            ("running", "cancel"): "cancelled",
            ("running", "interrupt"): "interrupted",
            ("interrupted", "begin"): "running",
            ("failed", "begin"): "running",
            ("interrupted", "cancel"): "cancelled",
        },
    )

    @internal
    @update
    def begin(scene: Scene, record: Conducted, *, owner: dict[str, JsonValue]) -> Values:
        """The process `owner` carries it out from now on."""
        now = scene.now()
        return {
            "owner": owner,
            "software": installed_software(),
            "seen_at": now,
            "started_at": now,
            "ended_at": None,
            "error": None,
            "progress": {},
        }

    @internal
    @update
    def fail(scene: Scene, record: Conducted, *, error: str) -> Values:
        """It has ended without a result."""
        return {"error": error, "ended_at": scene.now()}

    @internal
    @update
    def interrupt(scene: Scene, record: Conducted, *, error: str | None = None) -> Values:
        """Whoever carried it out does so no more; `error` says why, where that is known."""
        return {"error": error, "ended_at": scene.now()}

    @update
    def cancel(scene: Scene, record: Conducted) -> Values:
        """End it. What goes on elsewhere ends with its process' next sign of life."""
        cancel_job(scene, str(record.id), "its record was cancelled")
        return {"ended_at": scene.now()}
