"""Exchange rows: calls that have ended, as they are kept among the LM requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from dspash.gateway.answer import Answer, Source
from dspash.gateway.keeping import Exchange
from dspash.gateway.lm_call import CallKind
from dspash_protocol.trimming import trimmed

if TYPE_CHECKING:
    from sqlalchemy import Table

    from dspash.gateway.errors import GatewayError
    from dspash.resources.kernel.scene import StoredScene
    from dspash.resources.recording import Redaction

__all__ = ["ExchangeRow"]

MAX_NAME: Final = 500
_SENT: Final = frozenset({Source.PROVIDER, Source.LOCAL})
_MOST_TOKENS: Final = 2**53


class ExchangeRow:
    """One exchange on its way into the store. What it holds is looked at later, on the recorder's thread."""

    __slots__ = ("_exchange", "_is_light")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._is_light = False

    def __repr__(self) -> str:
        return f"<ExchangeRow {self._exchange.target.name} {self._exchange.outcome}>"

    @property
    def characters(self) -> int:
        """About how long the prompt is: the texts of its messages."""
        if self._is_light:
            return 0
        size = 0
        messages = self._exchange.call.request.get("messages")
        for message in messages if isinstance(messages, list) else ():
            parts = message.get("parts") if isinstance(message, dict) else None
            for part in parts if isinstance(parts, list) else ():
                text = part.get("text") if isinstance(part, dict) else None
                size += len(text) if isinstance(text, str) else 0
        return size

    def lighten(self) -> None:
        """Leave out the prompt and the response."""
        self._is_light = True

    def row(self, scene: StoredScene, redaction: Redaction) -> tuple[Table, dict[str, Any]]:
        """The table of LM requests, and the row there."""
        from dspash.resources.kernel import new_id

        exchange = self._exchange
        call, answer, payer = exchange.call, exchange.answer, exchange.call.payer
        ended_at = datetime.fromtimestamp(exchange.began_at, UTC) + timedelta(seconds=exchange.latency_s)
        attempts = exchange.attempts
        for told in (answer, exchange.error):
            if not attempts and told is not None:
                attempts = told.attempts
        was_sent = answer.source in _SENT if answer is not None else bool(attempts)
        prompt = {} if self._is_light else _prompt_of(call.request)
        response = None if self._is_light or answer is None else _response_of(call.kind, answer)
        row = {
            "id": new_id(),
            "tenant_id": payer.tenant,
            "created_at": ended_at,
            "updated_at": ended_at,
            "version": 1,
            "kind": call.kind.value,
            "provider": exchange.target.provider[:MAX_NAME],
            "model": exchange.target.model[:MAX_NAME],
            "alias": str(call.request.get("model") or "")[:MAX_NAME],
            "key_id": exchange.target.key_id,
            "status": exchange.outcome.value,
            "source": None if answer is None else answer.source.value,
            "prompt": redaction.value(trimmed(prompt)),
            "options": redaction.value(trimmed(_options_of(call.request))),
            "meta": trimmed(call.meta),
            "response": redaction.value(trimmed(response)),
            "error": None if exchange.error is None else redaction.value(trimmed(_told(exchange.error))),
            **_tokens_of(answer),
            **_cost_of(answer),
            "latency_ms": exchange.latency_s * 1000,
            "first_token_ms": None
            if answer is None or answer.first_token_s is None
            else answer.first_token_s * 1000,
            "tries": max(len(attempts), 1) if was_sent else 0,
            "attempts": [
                {
                    "target": attempt.target,
                    "latency_ms": attempt.latency_s * 1000,
                    "error": attempt.error,
                    "status": attempt.status,
                    "request_id": attempt.request_id,
                }
                for attempt in attempts
            ],
            "request_id": next((tried.request_id for tried in reversed(attempts) if tried.request_id), "")[
                :MAX_NAME
            ],
            "program": redaction.text(payer.program)[:MAX_NAME],
            "program_id": payer.program_id,
            "run": payer.run,
        }
        table = scene.domain.table(scene.domain.declaration("LMRequest"))
        return table, row


def _prompt_of(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name not in {"model", "config", "options"}}


def _options_of(request: dict[str, Any]) -> dict[str, Any]:
    found = request.get("config") or request.get("options")
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _response_of(kind: CallKind, answer: Answer) -> dict[str, Any]:
    response = cast("dict[str, Any]", answer.response)
    if kind is not CallKind.EMBEDDING:
        return response
    vectors = cast("list[list[Any]]", response.get("vectors") or [])
    return {**response, "vectors": len(vectors), "dimensions": len(vectors[0]) if vectors else 0}


def _tokens_of(answer: Answer | None) -> dict[str, int]:
    """The tokens as the model reported them; what it did not report, or not as a number, is 0."""
    reported = None if answer is None else answer.response.get("usage")
    usage = cast("dict[str, Any]", reported) if isinstance(reported, dict) else {}

    def count(name: str) -> int:
        figure = usage.get(name)
        return min(figure, _MOST_TOKENS) if type(figure) is int and figure > 0 else 0

    read, written = count("input_tokens"), count("output_tokens")
    return {
        "input_tokens": read,
        "output_tokens": written,
        "cached_tokens": count("cache_read_tokens"),
        "reasoning_tokens": count("reasoning_tokens"),
        "tokens_used": count("total_tokens") or read + written,
    }


def _cost_of(answer: Answer | None) -> dict[str, Any]:
    """What it cost; nothing, where no provider was asked."""
    if answer is None or (answer.cost is None and answer.source is Source.PROVIDER):
        return {"cost": None, "cost_basis": ""}
    if answer.cost is None:
        return {"cost": 0.0, "cost_basis": ""}
    return {"cost": answer.cost.usd, "cost_basis": answer.cost.basis[:MAX_NAME]}


def _told(error: GatewayError) -> dict[str, Any]:
    return {"type": type(error).__name__, "message": str(error), **error.details()}
