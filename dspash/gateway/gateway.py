"""The gateway: names lead to models, every call is counted, failures carry lm15's codes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from dspash.gateway.errors import ModelRequestError, ModelTimeoutError, UnsupportedModelError
from dspash.gateway.port import Capabilities, JsonMap, LanguageModel
from dspash.gateway.tally import Tally, TallyBoard

__all__ = ["Gateway"]

_VARIANT: Final = "/"
_ANY: Final = "default"  # what a worker calls the model that the host is to choose


class Gateway:
    """Serves LM calls from the models it was given.

    A request's model is looked up by its full name, then by the part before the first `/`: with a model named
    `offline`, `offline/small` reaches it too. A request without a model, or for the model `default`, goes to the default
    one: a worker asks so wherever nobody told it which, as on a thread that a program started itself. Thread-safe.
    """

    def __init__(
        self,
        models: Mapping[str, LanguageModel],
        default: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._models = dict(models)
        self._board = TallyBoard()
        self._clock = clock
        self._default = self._name_of(default)

    def __repr__(self) -> str:
        return f"Gateway(models={sorted(self._models)}, default={self._default!r})"

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models served, sorted."""
        return tuple(sorted(self._models))

    def capabilities(self, model: str | None = None) -> Capabilities:
        """What `model`, or the default, understands. Raises UnsupportedModelError."""
        return self._models[self._name_of(model or self._default)].capabilities()

    def complete(self, request: JsonMap, *, meta: JsonMap, deadline: float | None = None) -> JsonMap:
        """Answer one request. Raises GatewayError; `deadline` is absolute and monotonic, in seconds."""
        name = self._admit(request, deadline)
        try:
            response = self._models[name].complete(request, meta=meta, deadline=deadline)
        except BaseException:
            self._board.count_failure(name)
            raise
        self._board.count_answer(name, response.get("usage"))
        return response

    def stream(self, request: JsonMap, *, meta: JsonMap, deadline: float | None = None) -> Iterator[JsonMap]:
        """Answer one request as stream events. Raises GatewayError at once for a request it will not admit.

        A stream that is closed before its end counts as a failure: nobody has got the whole answer.
        """
        name = self._admit(request, deadline)
        return self._counted(name, self._models[name].stream(request, meta=meta, deadline=deadline))

    def usage(self) -> dict[str, Tally]:
        """What each model used so far has cost; tokens as the models report them."""
        return self._board.snapshot()

    def _counted(self, name: str, events: Iterator[JsonMap]) -> Iterator[JsonMap]:
        ended = False
        try:
            for event in events:
                if event.get("type") == "end":
                    self._board.count_answer(name, event.get("usage"))
                    ended = True
                yield event
        finally:
            if not ended:
                self._board.count_failure(name)

    def _admit(self, request: JsonMap, deadline: float | None) -> str:
        """The name of the model that will answer. Raises GatewayError when none will."""
        model = request.get("model", self._default)
        if not isinstance(model, str):
            raise ModelRequestError("$.model", f"{type(model).__name__} is not the name of a model")
        name = self._default if model == _ANY and _ANY not in self._models else self._name_of(model)
        if deadline is not None and self._clock() >= deadline:
            self._board.count_failure(name)
            raise ModelTimeoutError(f"the deadline had passed before {name} was asked")
        return name

    def _name_of(self, model: str) -> str:
        if model in self._models:
            return model
        family = model.split(_VARIANT, 1)[0]
        if family in self._models:
            return family
        raise UnsupportedModelError(model, self._models)
