"""Example: one entry of a data set."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue

from dspash.resources.kernel import Attribute, BelongsTo, Resource

__all__ = ["Example"]


class Example(Resource, table="examples", append_only=True, audited=False, indexes=[("dataset_id", "split")]):
    """What a program is asked with, and what it should answer: one entry of a data set, which makes and removes it."""

    dataset_id: Annotated[
        UUID, Attribute("The data set it belongs to.", references="Dataset", on_delete="cascade")
    ]
    position: Annotated[int, Attribute("Its place in the data set, from 0.")]
    inputs: Annotated[
        dict[str, JsonValue],
        Attribute("The fields a program is asked with; all fields, where the data set does not tell them."),
    ] = Field(default_factory=dict[str, JsonValue])
    labels: Annotated[
        dict[str, JsonValue], Attribute("The other fields: expected outputs, and what metrics look at.")
    ] = Field(default_factory=dict[str, JsonValue])
    split: Annotated[
        str | None, Attribute("The set it is in, such as train, dev or test.", max_length=100)
    ] = None
    content_hash: Annotated[
        str, Attribute("The SHA-256 of all fields: equal examples have equal ones.", max_length=64)
    ]

    dataset = BelongsTo("Dataset", by="dataset_id")
