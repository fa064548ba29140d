"""Configuring: `configure`, the settings that every later call begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import dspy

from dspash_protocol.signature import closest
from dspash_worker.call import Call
from dspash_worker.refusal import invalid, pick, unknown_key
from dspash_worker.workbench import Configuration, Workbench

__all__ = ["configure"]

_ADAPTERS: Final = {"chat": dspy.ChatAdapter, "json": dspy.JSONAdapter, "xml": dspy.XMLAdapter}
_OPTIONS: Final[dict[str, type]] = {
    "num_threads": int,
    "max_errors": int,
    "max_trace_size": int,
    "allow_tool_async_sync_conversion": bool,
    "warn_on_type_mismatch": bool,
}
_KEYS: Final = ("lm", "adapter", "settings")


def configure(workbench: Workbench, call: Call) -> dict[str, Any]:
    """Answer `configure {lm?, adapter?, settings?}`. What is not said stays as it was."""
    with workbench.defining(call) as promise:
        for key in call.args:
            if key not in _KEYS:
                raise unknown_key("$", key, _KEYS)
        before = promise.earlier.wait(call) if promise.earlier is not None else None
        workbench.keep(call, promise, _changed(workbench, before or Configuration(), call.args))
    return {"status": "configured"}


def _changed(workbench: Workbench, before: Configuration, args: Mapping[str, Any]) -> Configuration:
    lm, adapter = before.lm, before.adapter
    if args.get("lm") is not None:
        lm = workbench.models.build(args["lm"], path="$.lm")
    if args.get("adapter") is not None:
        adapter = _adapter(pick(args, "adapter", str, "an adapter (text)"))
    settings = pick(args, "settings", Mapping, "a map", default={})
    for name in settings:
        if name not in _OPTIONS:
            raise unknown_key("$.settings", name, _OPTIONS)
    options = {
        name: pick(settings, name, _OPTIONS[name], _OPTIONS[name].__name__, path="$.settings")
        for name in settings
    }
    return Configuration(lm, adapter, {**before.options, **options})


def _adapter(name: str) -> dspy.Adapter:
    made = _ADAPTERS.get(name.lower().removesuffix("adapter"))
    if made is None:
        near = closest(name, _ADAPTERS)
        raise invalid(
            "$.adapter",
            f"{name!r:.60} is no adapter",
            hint=f"{near} known are {', '.join(_ADAPTERS)}".strip(),
        )
    return made()
