"""Row: what is kept of an execution."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, cast

from dspash.resources.recording.redaction import Redaction
from dspash.resources.tracing.execution import Execution
from dspash_protocol.trace import MAX_PIECE, MAX_TRACE
from dspash_protocol.trimming import trimmed

__all__ = ["row_of"]

MAX_NAME: Final = 200
MOST_DROPPED: Final = 2**31 - 1


def row_of(execution: Execution, tenant: str, redaction: Redaction) -> dict[str, Any]:
    """The row of an execution, by column.

    Of what its worker has told, only the size is looked at here; who reads the steps trusts nothing in them.
    """
    subject, usage, outputs = execution.subject, execution.usage, execution.outputs
    reasoning = None if outputs is None else outputs.get("reasoning")
    steps, dropped = _steps_of(execution)
    return {
        "id": execution.id,
        "tenant_id": tenant,
        "created_at": execution.ended_at,
        "updated_at": execution.ended_at,
        "version": 1,
        "kind": subject.kind,
        "name": redaction.text(subject.name)[:MAX_NAME],
        "type": subject.type[:MAX_NAME],
        "program_id": subject.program_id,
        "program_version": subject.program_version,
        "module_id": subject.module_id,
        "status": "succeeded" if execution.error is None else "failed",
        "started_at": execution.ended_at - timedelta(seconds=usage.wall_s),
        "duration_s": usage.wall_s,
        "lm_calls": usage.lm_calls,
        "lm_tokens": min(usage.lm_tokens, 2**63 - 1),
        "tool_calls": usage.tool_calls,
        "lm_wait_s": usage.lm_wait_s,
        "inputs": redaction.value(trimmed(execution.inputs)),
        "outputs": redaction.value(trimmed(outputs)),
        "reasoning": redaction.text(trimmed(reasoning)) if isinstance(reasoning, str) else None,
        "error": redaction.value(trimmed(execution.error)),
        "dropped": dropped,
        "steps": redaction.json(steps),
    }


def _steps_of(execution: Execution) -> tuple[str, int]:
    """The pieces, a line each, and how much is not among them."""
    lines: list[str] = []
    size, dropped = 0, execution.dropped
    for piece in execution.pieces:
        told = cast("dict[str, Any]", piece) if isinstance(piece, dict) else {}
        spans, number = told.get("spans"), told.get("dropped")
        if type(number) is int and number > 0:
            dropped += number
        if isinstance(spans, str) and len(spans) <= MAX_PIECE and size + len(spans) <= MAX_TRACE:
            size += len(spans)
            lines.append(
                spans.replace("\n", " ").replace("\0", " ")
            )  # neither stands in a JSON text as it is
        else:
            dropped += 1
    return "\n".join(lines), min(dropped, MOST_DROPPED)
