"""Executions made up for tests, as an app and its worker would tell them."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Table

from dspash.resources import DOMAIN
from dspash.resources.kernel import Context, StoredScene, new_id
from dspash.resources.recording import Recorder, Redaction, Retention, prune
from dspash.resources.trace import Trace
from dspash.resources.tracing import Execution, Subject, row_of
from dspash.resources.tracing.table import traces_of
from dspash.store import Store
from dspash.usage import Usage

__all__ = ["NOON", "Ran", "ago", "execution", "keep", "piece", "recording", "scene_of", "span"]

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def span(number: int, parent: int = 0, kind: str = "module", name: str = "", **facts: Any) -> dict[str, Any]:
    return {
        "id": number,
        "parent": parent,
        "kind": kind,
        "name": name,
        "type": "",
        "at_us": number * 1000,
        "took_us": 500,
        **facts,
    }


def piece(*spans: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"spans": json.dumps(spans, ensure_ascii=False), **more}


def execution(
    *pieces: Any,
    name: str = "Baleen",
    ended_at: datetime = NOON,
    took_s: float = 0.5,
    error: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    program_id: UUID | None = None,
) -> Execution:
    return Execution(
        id=new_id(),
        subject=Subject(kind="program", name=name, type="source", program_id=program_id),
        inputs=inputs or {"question": "Who?"},
        ended_at=ended_at,
        usage=Usage(wall_s=took_s, lm_calls=1, lm_tokens=7),
        outputs=None if error else {"answer": "She."},
        error=error,
        pieces=list(pieces),
    )


class Ran:
    """Stands for a call that has ended."""

    def __init__(self, told: Execution | Callable[[], Execution]) -> None:
        self._told = told

    @property
    def characters(self) -> int:
        pieces = self._told.pieces if isinstance(self._told, Execution) else []
        return sum(len(found["spans"]) for found in pieces if isinstance(found.get("spans"), str))

    def lighten(self) -> None:
        assert isinstance(self._told, Execution)
        self._told.dropped += len(self._told.pieces)
        self._told.pieces = []

    def row(self, scene: StoredScene, redaction: Redaction) -> tuple[Table, dict[str, Any]]:
        return traces_of(scene), row_of(self.execution(), scene.context.tenant, redaction)

    def execution(self) -> Execution:
        return self._told if isinstance(self._told, Execution) else self._told()


def scene_of(store: Store, *, now: datetime = NOON, tenant: str = "north") -> StoredScene:
    context = Context(actor="ann", tenant=tenant, request_id="request-1")
    return StoredScene(context, domain=DOMAIN, store=store, clock=lambda: now)


def keep(scene: StoredScene, *executions: Execution) -> None:
    """Write executions at once."""
    with scene.transaction() as inner:
        for told in executions:
            row = row_of(told, scene.context.tenant, Redaction())
            inner.connection.execute(traces_of(scene).insert(), [row])


@contextmanager
def recording(scene: StoredScene, *, retention: Retention | None = None) -> Generator[Recorder]:
    kept = retention or Retention(None, None)
    recorder = Recorder(lambda: scene, tidy=lambda scene: prune(scene, Trace, kept))
    try:
        yield recorder
    finally:
        recorder.close()


def ago(**time: float) -> datetime:
    return NOON - timedelta(**time)
