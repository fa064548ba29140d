"""Assembly: the stream events of an answer, put together into the response that they are."""

from __future__ import annotations

import json
from collections.abc import Iterable

from dspash.gateway.port import JsonMap, JsonValue

__all__ = ["assembled"]


def assembled(events: Iterable[JsonMap]) -> JsonMap:
    """The lm15 Response as a dict. Parts come in the order of their index; the pieces of one are joined."""
    response: JsonMap = {}
    parts: dict[int, JsonMap] = {}
    message: JsonMap = {"role": "assistant"}
    for event in events:
        told = {name: value for name, value in event.items() if name != "type"}
        delta = told.get("delta")
        if not isinstance(delta, dict):
            response.update(told)
            continue
        _take_scores(response, delta)
        index = delta.get("part_index")
        if not isinstance(index, int):
            _take(message, delta)
        elif index in parts or delta.get("type") != "continuation":
            _take(parts.setdefault(index, {}), delta)
    spoken = [_finished(parts[index]) for index in sorted(parts)]
    message["parts"] = list[JsonValue](spoken) or [{"type": "text", "text": ""}]
    response["message"] = message
    return response


def _take(part: JsonMap, delta: JsonMap) -> None:
    """Add one piece to what there is of its part, or of the message."""
    match delta.get("type"):
        case "continuation":
            state = {name: value for name, value in delta.items() if name in {"provider", "kind", "data"}}
            states = part.setdefault("continuation", [])
            if isinstance(states, list):
                states.append(state)
        case "text" | "thinking" as kind:
            part["type"] = kind
            _add(part, "text", delta)
        case "tool_call":
            named = {name: delta[name] for name in ("id", "name") if delta.get(name) is not None}
            part.update({"type": "tool_call", **named})
            _add(part, "input", delta)
        case _:
            part.update({name: value for name, value in delta.items() if name != "part_index"})


def _add(part: JsonMap, name: str, delta: JsonMap) -> None:
    """Note one piece of a text; they are joined when all are there."""
    pieces = part.setdefault(name, [])
    if isinstance(pieces, list):
        pieces.append(delta.get(name, ""))


def _take_scores(response: JsonMap, delta: JsonMap) -> None:
    """Log probabilities come with the text, and belong to the response."""
    scores = delta.get("logprobs")
    if isinstance(scores, list):
        before = response.get("logprobs")
        response["logprobs"] = [*(before if isinstance(before, list) else []), *scores]
    if delta.get("logprobs_complete") is False:
        response["logprobs_complete"] = False


def _finished(part: JsonMap) -> JsonMap:
    joined: JsonMap = {
        name: "".join(map(str, value)) if name in {"text", "input"} and isinstance(value, list) else value
        for name, value in part.items()
    }
    given = joined.get("input")
    if joined.get("type") != "tool_call" or not isinstance(given, str):
        return joined
    try:
        read: JsonValue = json.loads(given or "{}")
    except ValueError:
        read = {}
    return {**joined, "input": read if isinstance(read, dict) else {}}
