"""Models: answers a worker's requests for completions from the gateway."""

from __future__ import annotations

from typing import Any, cast

from dspash.app.wire import map_in
from dspash.bridge import Ask, Manner
from dspash.gateway import Answer, Gateway, GatewayError, LMCall
from dspash_protocol import Fault, FaultError, FaultKind

__all__ = ["Models"]


class Models:
    """The gateway as the workers see it."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def manner(self, _ask: Ask) -> Manner:
        """How `complete` is to be called: every model so far computes in this process."""
        return Manner.COMPUTES

    def complete(self, ask: Ask) -> Any:
        """Answer `lm.complete {request, meta}` with a response."""
        request, meta = map_in(ask, "request"), map_in(ask, "meta")
        try:
            response = self.gateway.complete(LMCall(request, meta, ask.deadline)).response
        except GatewayError as error:
            raise _fault_of(error) from error
        _count_tokens(ask, response.get("usage"))
        return response

    def stream(self, ask: Ask) -> Any:
        """Answer `lm.stream {request, meta}` with one item an event; the result is empty."""
        request, meta = map_in(ask, "request"), map_in(ask, "meta")
        try:
            for event in self.gateway.stream(LMCall(request, meta, ask.deadline)):
                if isinstance(event, Answer):
                    _count_tokens(ask, event.response.get("usage"))
                else:
                    ask.item(event)
        except GatewayError as error:
            raise _fault_of(error) from error
        return None


def _count_tokens(ask: Ask, usage: object) -> None:
    """Note for the call what a model says it has read and written."""
    if ask.call is None or not isinstance(usage, dict):
        return
    reported = cast("dict[str, Any]", usage)
    counts = (reported.get("input_tokens"), reported.get("output_tokens"))
    ask.call.account.count_tokens(sum(count for count in counts if isinstance(count, int)))


def _fault_of(error: GatewayError) -> FaultError:
    return FaultError(
        Fault(
            FaultKind.LM_ERROR,
            str(error),
            type=type(error).__name__,
            retryable=error.retryable,
            details=error.details(),
        )
    )
