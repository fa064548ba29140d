"""Request: what of a call is sent, and the key under which equal calls are one."""

from __future__ import annotations

import hashlib
import json
from typing import Final

from dspash.gateway.lm_call import LMCall
from dspash.gateway.port import JsonMap, JsonValue
from dspash.gateway.target import Target

__all__ = ["SETTINGS", "addressed", "key_of"]

SETTINGS: Final = frozenset(
    "max_tokens temperature top_p top_k stop response_format tool_choice reasoning cache seed frequency_penalty "
    "presence_penalty service_tier user_id store logprobs probabilities extensions".split()
)
"""What an lm15 Config may have."""

_FORM: Final = "1"
"""Counts the forms that keys have had: another form never finds what an earlier one kept."""
_SILENT: Final = frozenset({"cache", "service_tier", "store", "user_id"})
"""Settings of an lm15 Config that say how a provider treats a request, and nothing about what it answers."""
_TELLING: Final = ("rollout_id", "sample")


def addressed(request: JsonMap, target: Target) -> JsonMap:
    """`request` as `target` is asked: with the model's id there, and its defaults where the request says nothing."""
    asked: JsonMap = {**request, "model": target.model}
    if target.defaults:
        config = request.get("config")
        asked["config"] = {**target.defaults, **(config if isinstance(config, dict) else {})}
    return asked


def key_of(call: LMCall, target: Target) -> str:
    """The same text for calls that the same answer would do for, by whichever name they asked for the model.

    Calls of another rollout or sample are others, and so are those that the same name at another server answers.
    """
    asked = addressed(call.request, target)
    config = asked.get("config")
    if isinstance(config, dict):
        asked["config"] = {name: value for name, value in config.items() if name not in _SILENT}
        if not asked["config"]:
            del asked["config"]
    told: list[JsonValue] = [call.meta.get(name) for name in _TELLING]
    served: list[JsonValue] = [target.type, target.provider, target.endpoint]
    whole: list[JsonValue] = [_FORM, str(call.kind), served, asked, told]
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
