"""Replay: a response that is there already, as the stream events that it might have come in."""

from __future__ import annotations

import json
from collections.abc import Iterator

from dspash.gateway.errors import UnsupportedFeatureError
from dspash.gateway.port import JsonMap, JsonValue

__all__ = ["events_of"]


def events_of(response: JsonMap) -> Iterator[JsonMap]:
    """One start, one delta a part, one end: lm15's stream events as dicts, which make up the same response again.

    Raises UnsupportedFeatureError for a part that has no streamed form.
    """
    yield _without_nothing(
        {name: response.get(name) for name in ("id", "model", "adaptations")}, type="start"
    )
    message = response.get("message")
    spoken: JsonMap = message if isinstance(message, dict) else {}
    parts = spoken.get("parts")
    scores: JsonMap = _without_nothing(
        {name: response.get(name) for name in ("logprobs", "logprobs_complete")}
    )
    for index, part in enumerate(parts if isinstance(parts, list) else []):
        if not isinstance(part, dict):
            continue
        delta = _delta(part)
        if part.get("type") == "text":
            delta, scores = (
                {**delta, **scores},
                {},
            )  # lm15 carries those of the whole answer on its first text
        yield _event({**delta, "part_index": index})
        yield from _continuations(part, index)
    yield from _continuations(spoken, None)
    ending = ("finish_reason", "usage", "provider_data")
    yield _without_nothing({name: response.get(name) for name in ending}, type="end")


def _delta(part: JsonMap) -> JsonMap:
    match part.get("type"):
        case "text" | "thinking" as kind:
            return {"type": kind, "text": part.get("text", "")}
        case "tool_call":
            given = json.dumps(part.get("input", {}))
            return {"type": "tool_call", "id": part.get("id"), "name": part.get("name"), "input": given}
        case "image" | "audio" as kind:
            media = {name: part.get(name) for name in ("data", "url", "file_id", "media_type")}
            return _without_nothing(media, type=kind)
        case "citation":
            return _without_nothing(
                {name: part.get(name) for name in ("text", "url", "title")}, type="citation"
            )
        case kind:
            raise UnsupportedFeatureError(f"an answer with a part of type {kind!r} cannot be streamed")


def _continuations(holder: JsonMap, index: int | None) -> Iterator[JsonMap]:
    states = holder.get("continuation")
    for state in states if isinstance(states, list) else []:
        if isinstance(state, dict):
            yield _event(_without_nothing({**state, "part_index": index}, type="continuation"))


def _event(delta: JsonMap) -> JsonMap:
    return {"type": "delta", "delta": delta}


def _without_nothing(fields: JsonMap, **first: JsonValue) -> JsonMap:
    return {**first, **{name: value for name, value in fields.items() if value is not None}}
