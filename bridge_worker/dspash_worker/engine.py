"""Engine: DSPy's way to a model leads through the host, one reverse request a completion."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

from dspy import lm15
from dspy._vendor.lm15.errors import error_class_for_code
from dspy._vendor.lm15.serde import request_to_dict, response_from_dict, stream_event_from_dict
from dspy.clients.engines.base import validate_request

from dspash_protocol import Fault, FaultError, FaultKind, ReverseCommand
from dspash_worker.current import current_call
from dspash_worker.lm_calls import FAULT, AsksHost, current_lm_call
from dspash_worker.lm_capabilities import Capabilities, ask_capabilities, read_capabilities

__all__ = [
    "AsyncGatewayEngine",
    "AsyncNoEngine",
    "GatewayEngine",
    "NoEngine",
    "as_lm15_error",
    "lm15_error_of",
]


class _Borrowed:
    """What all engines are: a name and capabilities, the same object in every copy of an LM.

    `stated` are the capabilities as they were configured; None: the host is asked when DSPy wants to know.
    """

    def __init__(self, model: str, stated: Capabilities | None = None) -> None:
        self.model = model
        self.stated = stated

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r})"

    def __deepcopy__(self, _memo: dict[int, Any]) -> _Borrowed:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model, self.stated)

    @property
    def capabilities(self) -> Capabilities:
        return ask_capabilities(self.model) if self.stated is None else self.stated

    @property
    def supports_function_calling(self) -> bool:
        return self.capabilities.supports_function_calling

    @property
    def supports_response_schema(self) -> bool:
        return self.capabilities.supports_response_schema

    @property
    def supports_reasoning(self) -> bool:
        return self.capabilities.supports_reasoning

    @property
    def supported_params(self) -> frozenset[str]:
        return self.capabilities.supported_params

    def dump_state(self) -> dict[str, Any]:
        """Return what `load_state` makes the same engine of. Nothing in it is secret: the keys are the host's."""
        return {"model": self.model, **({} if self.stated is None else {"stated": self.stated.to_map()})}

    @classmethod
    def load_state(cls, state: dict[str, Any]) -> _Borrowed:
        """Undo `dump_state`."""
        stated = state.get("stated")
        return cls(state["model"], None if stated is None else read_capabilities(stated, "$.stated"))


class GatewayEngine(_Borrowed, AsksHost):
    """Answers DSPy's requests by asking the host of the call they belong to."""

    def complete(self, request: lm15.Request) -> lm15.Response:
        call = current_lm_call()
        answer = call.take_answer() if call is not None and call.answers else self.ask(_map_of(request))
        return _read(response_from_dict, answer)

    def ask(self, request: dict[str, Any]) -> Any:
        """See AsksHost."""
        try:
            return current_call().ask(ReverseCommand.LM_COMPLETE, _with_meta(request))
        except (FaultError, ConnectionError) as error:
            raise as_lm15_error(error) from error

    def stream(self, request: lm15.Request) -> Iterator[Any]:
        try:
            for item in current_call().ask_stream(ReverseCommand.LM_STREAM, _args_of(request)):
                yield _read(stream_event_from_dict, item)
        except (FaultError, ConnectionError) as error:
            raise as_lm15_error(error) from error

    def close(self) -> None:
        """Nothing to close: the pipe is the worker's."""


class AsyncGatewayEngine(_Borrowed):
    """The same for DSPy's async calls, on any event loop."""

    async def complete(self, request: lm15.Request) -> lm15.Response:
        try:
            answer = await current_call().aask(ReverseCommand.LM_COMPLETE, _args_of(request))
        except (FaultError, ConnectionError) as error:
            raise as_lm15_error(error) from error
        return _read(response_from_dict, answer)

    async def stream(self, request: lm15.Request) -> AsyncIterator[Any]:
        items = current_call().aask_stream(ReverseCommand.LM_STREAM, _args_of(request))
        try:
            async for item in items:
                yield _read(stream_event_from_dict, item)
        except (FaultError, ConnectionError) as error:
            raise as_lm15_error(error) from error
        finally:
            await items.aclose()

    async def aclose(self) -> None:
        """Nothing to close: the pipe is the worker's."""


class NoEngine(_Borrowed):
    """Stands where a plain session's model will be, and says so to whoever is too early."""

    def complete(self, request: lm15.Request) -> lm15.Response:
        raise _not_configured()

    def stream(self, request: lm15.Request) -> Iterator[Any]:
        raise _not_configured()

    def close(self) -> None:
        """Nothing to close."""


class AsyncNoEngine(_Borrowed):
    """The same for DSPy's async calls."""

    async def complete(self, request: lm15.Request) -> lm15.Response:
        raise _not_configured()

    def stream(self, request: lm15.Request) -> AsyncIterator[Any]:
        raise _not_configured()

    async def aclose(self) -> None:
        """Nothing to close."""


def _not_configured() -> lm15.LM15Error:
    message = "no language model is configured; send `configure` with an `lm` first"
    return lm15_error_of(Fault(FaultKind.UNAVAILABLE, message))


def lm15_error_of(fault: Fault) -> lm15.LM15Error:
    """Return the error that DSPy knows for what the host answered; it carries the fault under FAULT."""
    details = fault.details
    code = details.get("code")
    kind = (
        error_class_for_code(code)
        if isinstance(code, str)
        else _ERROR_KINDS.get(fault.kind, lm15.ProviderError)
    )
    known = {
        name: details[name]
        for name in ("provider", "provider_code", "status", "request_id")
        if name in details
    }
    error = kind(fault.message, retry_after=details.get("retry_after"), **known)
    setattr(error, FAULT, fault)
    return error


_ERROR_KINDS: Final[dict[FaultKind, type[lm15.LM15Error]]] = {
    FaultKind.TIMEOUT: lm15.TimeoutError,
    FaultKind.UNAVAILABLE: lm15.ServerError,
    FaultKind.INVALID_REQUEST: lm15.InvalidRequestError,
    FaultKind.INVALID_INPUT: lm15.InvalidRequestError,
    FaultKind.TOO_LARGE: lm15.InvalidRequestError,
    FaultKind.UNSERIALISABLE: lm15.InvalidRequestError,
    FaultKind.NOT_FOUND: lm15.UnsupportedModelError,
}


def _args_of(request: lm15.Request) -> dict[str, Any]:
    return _with_meta(_map_of(request))


def _map_of(request: lm15.Request) -> dict[str, Any]:
    validate_request(request)
    return request_to_dict(request)


def _with_meta(request: dict[str, Any]) -> dict[str, Any]:
    meta: dict[str, Any] = {"model": request["model"]}
    call = current_lm_call()
    if call is not None:
        if call.rollout_id is not None:
            meta["rollout_id"] = call.rollout_id
        # The first sample has no number: a cache must not tell it from the only one of a request without `n`.
        if sample := call.next_sample():
            meta["sample"] = sample
    return {"request": request, "meta": meta}


def _read(read: Callable[[Any], Any], answer: Any) -> Any:
    """Read what the host answered, and keep for the history what it says was used."""
    try:
        value = read(answer)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise lm15.ServerError(f"the host's answer is no completion: {error!r}") from error
    usage, call = getattr(value, "usage", None), current_lm_call()
    if usage is not None and call is not None:
        counts = [(name, getattr(usage, name, None)) for name in _COUNTS]
        call.usage.append({name: count for name, count in counts if count is not None})
    return value


_COUNTS: Final = ("input_tokens", "output_tokens", "total_tokens")


def as_lm15_error(error: FaultError | ConnectionError) -> lm15.LM15Error:
    """DSPy expects lm15's errors of an engine, and calls anything else unexpected."""
    if isinstance(error, FaultError):
        return lm15_error_of(error.fault)
    return lm15.TransportError(f"the host is gone: {error!r}")
