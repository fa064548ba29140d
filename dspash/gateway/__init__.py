"""LM calls: names lead to models, every call is counted, and the offline model needs no key."""

from __future__ import annotations

from dspash.gateway.errors import (
    ContextLengthError,
    GatewayError,
    ModelRequestError,
    ModelTimeoutError,
    UnsupportedFeatureError,
    UnsupportedModelError,
)
from dspash.gateway.gateway import Gateway
from dspash.gateway.offline import OfflineModel
from dspash.gateway.port import Capabilities, JsonMap, JsonValue, LanguageModel
from dspash.gateway.tally import Tally

__all__ = [
    "Capabilities",
    "ContextLengthError",
    "Gateway",
    "GatewayError",
    "JsonMap",
    "JsonValue",
    "LanguageModel",
    "ModelRequestError",
    "ModelTimeoutError",
    "OfflineModel",
    "Tally",
    "UnsupportedFeatureError",
    "UnsupportedModelError",
]
