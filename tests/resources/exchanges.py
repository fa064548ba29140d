"""Exchanges made up for tests, as the gateway would tell them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dspash.gateway.answer import Answer, Attempt, Source
from dspash.gateway.errors import GatewayError
from dspash.gateway.keeping import Exchange, Outcome
from dspash.gateway.lm_call import LMCall, Payer
from dspash.gateway.price import Cost
from dspash.gateway.target import Target
from tests.resources.executions import NOON

__all__ = ["TARGET", "exchange"]

TARGET = Target(provider="acme", type="openai", model="small-1", key_id="k1")
_UNPRICED = -1.0


def exchange(
    *,
    prompt: str = "Who?",
    text: str = "Ada.",
    target: Target = TARGET,
    source: Source = Source.PROVIDER,
    cost: float | None = 0.25,
    tokens: tuple[int, int] = (10, 2),
    latency_s: float = 0.5,
    first_token_s: float | None = None,
    ended_at: datetime = NOON,
    tries: int = 1,
    error: GatewayError | None = None,
    outcome: Outcome | None = None,
    tenant: str = "north",
    program: str = "Baleen",
    run: str | None = None,
    request: dict[str, Any] | None = None,
) -> Exchange:
    asked: Any = request or {
        "model": "fast",
        "messages": [{"role": "user", "parts": [{"type": "text", "text": prompt}]}],
        "config": {"temperature": 0.5},
    }
    usage: Any = {"input_tokens": tokens[0], "output_tokens": tokens[1], "total_tokens": sum(tokens)}
    response: Any = {
        "model": target.model,
        "message": {"role": "assistant", "parts": [{"type": "text", "text": text}]},
        "finish_reason": "stop",
        "usage": usage,
    }
    attempts = tuple(
        Attempt(target.name, 0.1, None if number == tries else "server", 200 if number == tries else 500)
        for number in range(1, tries + 1)
    )
    answer = None
    if error is None and outcome is not Outcome.CANCELLED:
        paid = None if cost is None else Cost(cost, "prices of May")
        answer = Answer(response, source, target, attempts, paid, latency_s, first_token_s)
    ended = Outcome.ANSWERED if error is None else Outcome.FAILED
    return Exchange(
        call=LMCall(asked, {"rollout_id": 3}, payer=Payer(tenant=tenant, program=program, run=run)),
        target=target,
        outcome=outcome or ended,
        began_at=ended_at.timestamp() - latency_s,
        latency_s=latency_s,
        answer=answer,
        error=error,
        attempts=attempts,
    )
