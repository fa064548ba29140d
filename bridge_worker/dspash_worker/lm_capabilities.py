"""LM capabilities: what a model understands, as the host has stated it or states it when it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import dspy

from dspash_protocol import FaultError, FaultKind, ReverseCommand
from dspash_worker.current import current_call
from dspash_worker.refusal import invalid_value, pick

__all__ = ["KNOWN_SETTING", "Capabilities", "ask_capabilities", "read_capabilities"]

KNOWN_SETTING: Final = "dspash_lm_capabilities"
"""DSPy's settings carry what the host has told so far, by the names of models: a worker asks once for each."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """DSPy's adapters shape their prompts by these, and take what is not stated for absent."""

    supports_function_calling: bool = False
    supports_response_schema: bool = False
    supports_reasoning: bool = False
    supported_params: frozenset[str] = field(default_factory=frozenset[str])

    def to_map(self) -> dict[str, Any]:
        """Return the wire form, parameter names sorted."""
        return {
            "supports_function_calling": self.supports_function_calling,
            "supports_response_schema": self.supports_response_schema,
            "supports_reasoning": self.supports_reasoning,
            "supported_params": sorted(self.supported_params),
        }


_UNKNOWN: Final = Capabilities()


def read_capabilities(raw: object, path: str) -> Capabilities:
    """Read the wire form. Raises FaultError naming what does not fit.

    A newer host may know more of its models than this worker's DSPy asks: what is not asked is passed over.
    """
    if not isinstance(raw, Mapping):
        raise invalid_value(path, "a map", raw)
    params: list[str] = pick(raw, "supported_params", list, "a list of names", path=path, default=[])
    flags = ("supports_function_calling", "supports_response_schema", "supports_reasoning")
    stated = {name: pick(raw, name, bool, "true or false", path=path, default=False) for name in flags}
    return Capabilities(supported_params=frozenset(params), **stated)


def ask_capabilities(model: str) -> Capabilities:
    """Return what the host says of `model`, asked once. Nothing is known of a model that it does not tell of.

    The errors of a model that does not exist belong to its first call, so they are none here.
    """
    known: dict[str, Capabilities] | None = dspy.settings.get(KNOWN_SETTING)
    if known is not None and model in known:
        return known[model]
    try:
        answer = current_call().ask(ReverseCommand.LM_CAPABILITIES, {"model": model})
        told = read_capabilities(answer, "$")
    except FaultError as error:
        if error.fault.kind is not FaultKind.UNKNOWN_COMMAND:
            return _UNKNOWN
        told = _UNKNOWN  # this host never tells: it need not be asked again
    except (ConnectionError, RuntimeError):  # the host is gone, or this code belongs to no call
        return _UNKNOWN
    if known is not None:
        known[model] = told
    return told
