"""Audit: one entry for each change of a record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import JsonValue

from dspash.resources.kernel.attribute import Attribute, Kind
from dspash.resources.kernel.resource import REDACTED, Declaration, Resource
from dspash.store.json_text import encode_json

__all__ = ["AuditEntry", "differences"]

MAX_KEPT: Final = 2000  # characters of a value; of longer ones the hash and the length are kept


class AuditEntry(Resource, table="audit_entries", append_only=True, audited=False):
    """What one action changed in one record, on whose behalf."""

    resource: Annotated[str, Attribute("The kind of record.", max_length=200)]
    record_id: Annotated[UUID, Attribute("The record.", indexed=True)]
    record_version: Annotated[int, Attribute("The record's version after the change.")]
    action: Annotated[str, Attribute("The action that made it.", max_length=200)]
    actor: Annotated[str, Attribute("Who asked for it.", max_length=200)]
    request_id: Annotated[str, Attribute("The request it was part of.", indexed=True, max_length=200)]
    changes: Annotated[
        dict[str, JsonValue],
        Attribute("Before and after of each attribute that changed; long values as hash and length."),
    ]


def differences(
    declaration: Declaration, before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, list[Any]]:
    """Before and after of each attribute that differs, from column values; what is sensitive is redacted."""
    changes: dict[str, list[Any]] = {}
    for attribute in declaration.own:
        old, new = before.get(attribute.name), after.get(attribute.name)
        if old != new:
            pair = (old, new)
            changes[attribute.name] = [
                REDACTED if attribute.spec.sensitive and value is not None else _kept(attribute.kind, value)
                for value in pair
            ]
    return changes


def _kept(kind: Kind, value: Any) -> Any:
    match value:
        case datetime():
            value = value.isoformat()
        case UUID():
            value = str(value)
        case bytes():
            return {"sha256": hashlib.sha256(value).hexdigest(), "bytes": len(value)}
        case _:
            pass
    text = value if isinstance(value, str) else encode_json(value) if kind is Kind.JSON else ""
    if len(text) <= MAX_KEPT:
        return value
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "characters": len(text)}
