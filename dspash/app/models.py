"""Models: answers what workers ask about models, from the gateway."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any, Final, cast

from dspash.app.following import Following
from dspash.app.wire import map_in, text_in
from dspash.bridge import Ask, AskHandler, Manner, MannerOf
from dspash.gateway import (
    Answer,
    CachePolicy,
    CallKind,
    Gateway,
    GatewayError,
    JsonMap,
    JsonValue,
    LMCall,
    Payer,
    UnsupportedFeatureError,
)
from dspash_protocol import Fault, FaultError, FaultKind, ReverseCommand

__all__ = ["Models"]

ANY: Final = "default"  # what a worker calls the model that the host is to choose
ROOM_LOOK_S: Final = 0.01
"""How often a stream whose worker does not read looks whether it reads again."""


class Models:
    """The gateway as the workers see it.

    What is computed in this process is computed where the ask is served; everything else is only begun there, and
    hundreds of answers are under way without a thread for any of them. An ask without a call, as of a thread that its
    program left behind, is on the account of `payer`.
    """

    def __init__(
        self, gateway: Gateway, *, payer: Payer | None = None, cache: CachePolicy | None = None
    ) -> None:
        self._gateway = gateway
        self._payer = payer or Payer()
        self._cache = cache or CachePolicy()

    def __repr__(self) -> str:
        return f"<Models of {self._gateway!r}>"

    @property
    def handlers(self) -> Mapping[ReverseCommand, AskHandler]:
        """What serves which command."""
        return {
            ReverseCommand.LM_COMPLETE: self.complete,
            ReverseCommand.LM_STREAM: self.stream,
            ReverseCommand.LM_EMBED: self.embed,
            ReverseCommand.LM_CAPABILITIES: self.capabilities,
        }

    @property
    def manners(self) -> Mapping[ReverseCommand, MannerOf]:
        """How each is to be called."""
        return {
            ReverseCommand.LM_COMPLETE: lambda ask: self._manner(ask, Manner.COMPUTES),
            ReverseCommand.LM_STREAM: lambda ask: self._manner(ask, Manner.WAITS),
            ReverseCommand.LM_EMBED: lambda _ask: Manner.BEGINS,
        }

    def complete(self, ask: Ask) -> Any:
        """Answer `lm.complete {request, meta}` with a response."""
        call = self._completion(ask)
        if ask.manner is Manner.BEGINS:
            return self._begin(ask, call, lambda answer: answer.response)
        try:
            answer = self._gateway.complete(call)
        except GatewayError as error:
            raise _fault_of(error) from error
        _count_tokens(ask, answer)
        return answer.response

    def stream(self, ask: Ask) -> Any:
        """Answer `lm.stream {request, meta}` with one item an event; the result is empty."""
        call = self._completion(ask)
        if ask.manner is Manner.BEGINS:
            return self._gateway.run(self._send_events(ask, call))
        try:
            for event in self._gateway.stream(call):
                if isinstance(event, Answer):
                    _count_tokens(ask, event)
                else:
                    ask.item(event)
        except GatewayError as error:
            raise _fault_of(error) from error
        return None

    def embed(self, ask: Ask) -> Any:
        """Answer `lm.embed {model, inputs, options?}` with `{vectors, model, usage}`."""
        model, inputs = text_in(ask, "model"), ask.args.get("inputs")
        texts: list[JsonValue] = cast("list[JsonValue]", inputs) if isinstance(inputs, list) else [None]
        if not all(isinstance(text, str) for text in texts):
            raise FaultError.of(FaultKind.INVALID_INPUT, "a list of texts is wanted", path="$.inputs")
        request: JsonMap = {"model": model, "inputs": texts, "options": map_in(ask, "options")}
        call = self._call(ask, request, kind=CallKind.EMBEDDING)
        if self._is_local(request, call.payer):
            raise _fault_of(UnsupportedFeatureError(f"{model} makes no vectors; name a model that does"))
        return self._begin(ask, call, lambda answer: answer.response)

    def capabilities(self, ask: Ask) -> JsonMap:
        """Answer `lm.capabilities {model}`."""
        model, tenant = text_in(ask, "model"), self._payer_of(ask).tenant
        try:
            return self._gateway.capabilities(None if model == ANY else model, tenant).to_map()
        except GatewayError as error:
            raise _fault_of(error) from error

    def _manner(self, ask: Ask, if_local: Manner) -> Manner:
        request = ask.args.get("request")
        if not isinstance(request, dict):
            return Manner.BEGINS  # it is refused at once
        return if_local if self._is_local(cast("JsonMap", request), self._payer_of(ask)) else Manner.BEGINS

    def _is_local(self, request: JsonMap, payer: Payer) -> bool:
        try:
            return self._gateway.is_local(request, payer)
        except GatewayError:
            return False  # it is refused at once

    def _completion(self, ask: Ask) -> LMCall:
        return self._call(ask, map_in(ask, "request"), meta=map_in(ask, "meta"))

    def _call(
        self,
        ask: Ask,
        request: JsonMap,
        *,
        meta: JsonMap | None = None,
        kind: CallKind = CallKind.COMPLETION,
    ) -> LMCall:
        deadline = None if ask.deadline == math.inf else ask.deadline
        return LMCall(request, meta or {}, deadline, self._payer_of(ask), self._cache, kind)

    def _payer_of(self, ask: Ask) -> Payer:
        return self._payer if ask.call is None else cast("Payer | None", ask.call.payer) or self._payer

    def _begin(self, ask: Ask, call: LMCall, read: Callable[[Answer], Any]) -> Following[Answer, Any]:
        def tell(answer: Answer) -> Any:
            _count_tokens(ask, answer)
            return read(answer)

        try:
            return Following(self._gateway.submit(call), tell, read_error=_told)
        except GatewayError as error:
            raise _fault_of(error) from error

    async def _send_events(self, ask: Ask, call: LMCall) -> None:
        """On the gateway's loop, which must not wait for a worker that does not read."""
        try:
            async with aclosing(self._gateway.astream(call)) as events:
                async for event in events:
                    if isinstance(event, Answer):
                        _count_tokens(ask, event)
                        continue
                    while not ask.has_room:
                        ask.check()
                        await asyncio.sleep(ROOM_LOOK_S)
                    ask.item(event)
        except GatewayError as error:
            raise _fault_of(error) from error


def _count_tokens(ask: Ask, answer: Answer) -> None:
    """Note for the call what a model says it has read and written."""
    usage = answer.response.get("usage")
    if ask.call is None or not isinstance(usage, dict):
        return
    counts = (usage.get("input_tokens"), usage.get("output_tokens"))
    ask.call.account.count_tokens(sum(count for count in counts if isinstance(count, int)))


def _told(error: BaseException) -> BaseException:
    return _fault_of(error) if isinstance(error, GatewayError) else error


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
