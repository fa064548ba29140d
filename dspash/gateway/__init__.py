"""LM calls: names lead to models, every call is counted, and the offline model needs no key."""

from __future__ import annotations

from dspash.gateway.errors import (
    AuthError,
    BillingError,
    ContextLengthError,
    GatewayError,
    MalformedReplyError,
    ModelRequestError,
    ModelTimeoutError,
    ProviderError,
    RateLimitError,
    RejectedRequestError,
    ServerError,
    TransportError,
    UnsupportedFeatureError,
    UnsupportedModelError,
)
from dspash.gateway.gateway import Gateway
from dspash.gateway.offline import OfflineModel
from dspash.gateway.port import Capabilities, JsonMap, JsonValue, LanguageModel
from dspash.gateway.tally import Tally

__all__ = [
    "AuthError",
    "BillingError",
    "Capabilities",
    "ContextLengthError",
    "Gateway",
    "GatewayError",
    "JsonMap",
    "JsonValue",
    "LanguageModel",
    "MalformedReplyError",
    "ModelRequestError",
    "ModelTimeoutError",
    "OfflineModel",
    "ProviderError",
    "RateLimitError",
    "RejectedRequestError",
    "ServerError",
    "Tally",
    "TransportError",
    "UnsupportedFeatureError",
    "UnsupportedModelError",
]
