"""Plain chat: LM calls of texts alone, which is what most are, from an adapter's messages to the wire and back.

DSPy makes objects of a request and of its answer, checks them, and makes maps of them again: half of what a short call of a
model takes. Where both are nothing but texts, the maps are written and read at once. They are the same as DSPy's; whatever is
not certain to be so is left to DSPy.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import dspy
from dspy._vendor.lm15.serde import request_to_dict
from dspy.clients._deprecation import _adapter_call  # pyright: ignore[reportPrivateUsage]
from dspy.clients.backend_selection import CLIENT_KEYS
from dspy.clients.call_result import usage_dict
from dspy.lm15 import Message, Response, Usage, request_from_openai_chat

__all__ = ["PlainAnswer", "read_plain_answer", "write_plain_request"]

MOST_KEPT: Final = 512
"""Settings of requests, and counts of answers, of which something is kept."""

_FORWARD: Final = dspy.LM.forward
"""Whoever has another one has a way of his own to a model."""

_UNSAID: Final = frozenset({"n", "num_generations", "prompt_cache", "rollout_id"})
"""What DSPy keeps from engines."""

_DSPYS_OWN: Final = frozenset({*CLIENT_KEYS, "cache", "logprobs"})
"""What it acts upon itself, or reads the answer by."""

_TURNS: Final = frozenset({"user", "assistant"})
_SCALARS: Final = frozenset({str, int, float, bool})
_Said: TypeAlias = tuple[tuple[str, type, Any], ...]  # with the type: 1, 1.0 and True are equal


@dataclass(slots=True)
class PlainAnswer:
    """What a model has said, and the tokens as DSPy counts them and as the model does."""

    text: Final[str]
    usage: Final[dict[str, Any]]
    counts: Final[dict[str, int]]


# --- requests ---


def write_plain_request(lm: dspy.LM, messages: Any, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """The lm15 Request that DSPy would make of an adapter's call, as a map; None where it is to make that itself."""
    if not _is_of_an_adapter(lm, messages) or not _is_unattended(lm):
        return None
    config = _config_of({**lm.kwargs, **options})
    if config is None:
        return None
    system: str | None = None
    turns: list[dict[str, Any]] = []
    for place, message in enumerate(messages):
        if type(message) is not dict or len(message) != 2:
            return None
        role, text = message.get("role"), message.get("content")
        if type(text) is not str or not text or not (text.isascii() or _is_encodable(text)):
            return None
        if role in _TURNS:
            turns.append({"role": role, "parts": [{"type": "text", "text": text}]})
        elif role == "system" and place == 0:
            system = text
        else:
            return None
    if not turns:
        return None
    request: dict[str, Any] = {"model": lm.model, "messages": turns}
    if system is not None:
        request["system"] = system
    if config:
        request["config"] = config.copy()
    return request


def _is_of_an_adapter(lm: dspy.LM, messages: Any) -> bool:
    """Whether an adapter makes this very call; anybody else's is deprecated, and told so."""
    origin = _adapter_call.get()
    return origin is not None and origin[0] is lm and origin[1] is messages and type(messages) is list


def _is_unattended(lm: dspy.LM) -> bool:
    """Whether nobody but the caller has to do with a call of this model: no callback, stream, history, cache or retry."""
    now = dspy.settings
    return (
        not now.callbacks
        and now.send_stream is None
        and bool(now.disable_history)
        and not lm.callbacks
        and not lm.cache
        and not lm.num_retries
        and lm.model_type == "chat"
        and "forward" not in vars(lm)
        and type(lm).forward is _FORWARD
    )


def _config_of(settings: dict[str, Any]) -> dict[str, Any] | None:
    """What a request says of how to answer; None where that is more than numbers and words."""
    said: list[tuple[str, type, Any]] = []
    for name, value in settings.items():
        if value is None:
            continue
        if name in _UNSAID:
            if (name == "n" and (type(value) is not int or value != 1)) or name == "prompt_cache":
                return None
            if name == "rollout_id" and settings.get("temperature") == 0:
                return None  # which DSPy warns of
            continue
        if name in _DSPYS_OWN or type(value) not in _SCALARS:
            return None
        said.append((name, type(value), value))
    return _kept_config(tuple(said)) if said else _NOTHING_SAID


_NOTHING_SAID: Final[dict[str, Any]] = {}


@functools.lru_cache(MOST_KEPT)
def _kept_config(said: _Said) -> dict[str, Any] | None:
    body = {"model": "any", "messages": [{"role": "user", "content": "any"}]}
    try:
        request = request_to_dict(
            request_from_openai_chat({**body, **{name: value for name, _, value in said}})
        )
    except Exception:  # noqa: BLE001 - whatever is wrong with it, DSPy says so when it reads it for itself
        return None
    config: dict[str, Any] = request.get("config", {})
    is_flat = request.keys() <= {"model", "messages", "config"} and _SCALARS.issuperset(
        map(type, config.values())
    )
    return config if is_flat else None


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# --- answers ---

_ANSWER: Final = frozenset({"id", "model", "message", "finish_reason", "usage"})
_MESSAGE: Final = frozenset({"role", "parts"})
_COUNTS: Final = tuple(Usage.__dataclass_fields__)
_UNCOUNTED: Final = (None,) * len(_COUNTS)
_TOLD: Final = ("input_tokens", "output_tokens", "total_tokens")
_COUNT_KINDS: Final = frozenset({int, type(None)})


def read_plain_answer(answer: Any) -> PlainAnswer | None:
    """An answer that is one text, with the count of its tokens; None for any other, which may be none at all."""
    if type(answer) is not dict or not _ANSWER.issuperset(answer) or answer.get("finish_reason") != "stop":
        return None
    name, model, message = answer.get("id"), answer.get("model"), answer.get("message")
    if not (name is None or (type(name) is str and name)) or type(model) is not str or not model:
        return None
    if type(message) is not dict or not _MESSAGE.issuperset(message) or message.get("role") != "assistant":
        return None
    text = _text_of(message.get("parts"))
    usage = answer.get("usage")
    if text is None:
        return None
    counts = tuple(map(usage.get, _COUNTS)) if isinstance(usage, dict) else _UNCOUNTED
    if not _COUNT_KINDS.issuperset(map(type, counts)):
        return None
    kept = _kept_usage(counts)
    if kept is None:
        return None
    return PlainAnswer(text, kept[0].copy(), kept[1].copy())


def _text_of(parts: Any) -> str | None:
    if type(parts) is not list or len(parts) != 1:
        return None
    part = parts[0]
    if type(part) is not dict or len(part) != 2 or part.get("type") != "text":
        return None
    text = part.get("text")
    return text if type(text) is str else None


@functools.lru_cache(MOST_KEPT)
def _kept_usage(counts: tuple[int | None, ...]) -> tuple[dict[str, Any], dict[str, int]] | None:
    try:
        usage = Usage(*counts)
    except (ValueError, TypeError):  # negative, for one
        return None
    counted: dict[str, Any] = usage_dict(_counting(usage))
    if any(isinstance(value, dict) for value in counted.values()):
        return None  # which might be written to
    told = {name: count for name in _TOLD if (count := getattr(usage, name)) is not None}
    return counted, told


def _counting(usage: Usage) -> Response:
    """A response of which nothing but the usage counts."""
    return Response(id=None, model="any", message=Message.assistant("any"), finish_reason="stop", usage=usage)
