"""JSON that stands in a prompt: parsed when it is JSON, however it was nested or broken."""

from __future__ import annotations

import json

from dspash.gateway.port import JsonMap, JsonValue

__all__ = ["parse_json", "parse_object"]


def parse_json(text: str) -> JsonValue:
    """The value that `text` is JSON for; None when it is not, or is nested too deeply to be meant."""
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def parse_object(text: str) -> JsonMap:
    """The object that `text` is JSON for; empty when it is anything else."""
    value = parse_json(text)
    return value if isinstance(value, dict) else {}
