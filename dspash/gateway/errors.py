"""What goes wrong at the gateway, in the error codes of lm15, so that DSPy's own rules for them apply."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from dspash.errors import DspashError
from dspash.gateway.answer import Attempt
from dspash.gateway.rate_limits import RateLimits

__all__ = [
    "AuthError",
    "BillingError",
    "ContextLengthError",
    "GatewayError",
    "MalformedReplyError",
    "ModelRequestError",
    "ModelTimeoutError",
    "ProviderError",
    "RateLimitError",
    "RejectedRequestError",
    "ServerError",
    "TransportError",
    "UnsupportedFeatureError",
    "UnsupportedModelError",
]


class GatewayError(DspashError):
    """An LM call failed; `code` is the lm15 code that crosses the wire. Retry when `retryable`, else fix the call.

    `provider` is the configured name of the provider that was asked, `status` the HTTP status of its answer and
    `request_id` its own id of the request, as far as there are any. No message holds a key.
    """

    code: ClassVar[str] = "provider"
    can_be_retried: ClassVar[bool] = False

    attempts: tuple[Attempt, ...] = ()
    """Every time that a provider was asked before this was the outcome."""
    was_sent: bool = True
    """False when the request has certainly not reached the provider: nobody can have billed it."""

    def __init__(
        self,
        summary: str,
        *,
        retry_after_s: float | None = None,
        provider: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        self.retry_after_s = retry_after_s
        self.provider = provider
        self.status = status
        self.request_id = request_id
        super().__init__(summary, retryable=self.can_be_retried)

    def details(self) -> dict[str, str | float]:
        """What a wire fault carries beside the summary: the code, and of the rest what is known."""
        known: dict[str, str | float | None] = {
            "retry_after": self.retry_after_s,
            "provider": self.provider,
            "status": self.status,
            "request_id": self.request_id,
        }
        return {"code": self.code, **{name: value for name, value in known.items() if value is not None}}


class UnsupportedModelError(GatewayError):
    """No model answers to this name. Fix the name: the message lists those there are, or says how to make it known."""

    code = "unsupported_model"

    def __init__(
        self,
        model: str,
        known: Iterable[str] = (),
        *,
        way_out: str | None = None,
        provider: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        self.model = model
        self.known = tuple(sorted(known))
        told = way_out or f"known models: {', '.join(self.known) or 'none'}"
        at = "" if provider is None else f" at {provider}"
        super().__init__(
            f"no model is called {model!r}{at}; {told}",
            provider=provider,
            status=status,
            request_id=request_id,
        )


class ModelRequestError(GatewayError):
    """The request is not a well-formed lm15 Request; `path` names the place. Fix the request."""

    code = "invalid_request"

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}")


class ContextLengthError(GatewayError):
    """The prompt is longer than the model reads. Shorten it, or choose another model."""

    code = "context_length"


class UnsupportedFeatureError(GatewayError):
    """The request asks for something this model cannot do. Leave that part out, or choose another model."""

    code = "unsupported_feature"


class ModelTimeoutError(GatewayError):
    """The deadline passed before the answer was complete. Retry with more time."""

    code = "timeout"
    can_be_retried = True


class ProviderError(GatewayError):
    """The provider answered with an error of a kind of its own. Read the message; retrying is of no use."""


class RejectedRequestError(ProviderError):
    """The provider found the request wrong. Fix the request."""

    code = "invalid_request"


class AuthError(ProviderError):
    """The provider takes no requests with this key, or there is none. Correct the key."""

    code = "auth"


class BillingError(ProviderError):
    """The account has run out of credit. Pay, or choose another provider."""

    code = "billing"


class RateLimitError(ProviderError):
    """The key has used up what it may for now; `limits` is what the provider says of that. Wait, then retry."""

    code = "rate_limit"
    can_be_retried = True

    def __init__(
        self,
        summary: str,
        *,
        limits: RateLimits | None = None,
        retry_after_s: float | None = None,
        provider: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        self.limits = limits
        super().__init__(
            summary, retry_after_s=retry_after_s, provider=provider, status=status, request_id=request_id
        )


class ServerError(ProviderError):
    """The provider failed, or has too much to do. Retry later."""

    code = "server"
    can_be_retried = True


class MalformedReplyError(ProviderError):
    """What came back is no answer: often a proxy's page in front of the provider. Retry; then look at the base URL."""

    can_be_retried = True


class TransportError(GatewayError):
    """The connection to the provider failed, or broke before the answer was complete. Retry; it may have been billed."""

    code = "transport"
    can_be_retried = True
