"""What goes wrong at the gateway, in the error codes of lm15, so that DSPy's own rules for them apply."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from dspash.errors import DspashError

__all__ = [
    "ContextLengthError",
    "GatewayError",
    "ModelRequestError",
    "ModelTimeoutError",
    "UnsupportedFeatureError",
    "UnsupportedModelError",
]


class GatewayError(DspashError):
    """An LM call failed; `code` is the lm15 code that crosses the wire. Retry when `retryable`, else fix the call."""

    code: ClassVar[str] = "provider"
    can_be_retried: ClassVar[bool] = False

    def __init__(self, summary: str, *, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(summary, retryable=self.can_be_retried)

    def details(self) -> dict[str, str | float]:
        """What a wire fault carries beside the summary: the code, and how long to wait when that is known."""
        if self.retry_after_s is None:
            return {"code": self.code}
        return {"code": self.code, "retry_after": self.retry_after_s}


class UnsupportedModelError(GatewayError):
    """No model answers to this name. Fix the name: the message lists those there are."""

    code = "unsupported_model"

    def __init__(self, model: str, known: Iterable[str]) -> None:
        self.model = model
        self.known = tuple(sorted(known))
        super().__init__(f"no model is called {model!r}; known models: {', '.join(self.known) or 'none'}")


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
