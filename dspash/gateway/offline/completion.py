"""Completions: what the model says, put into the form of an lm15 response or stream."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from dspash.gateway.offline.conversation import Conversation, Settings
from dspash.gateway.port import JsonMap, JsonValue

__all__ = ["Call", "Completion", "to_events", "to_response"]

_MODEL: Final = "offline"
"""What every response says it was written by, whatever alias the request used."""

_CHARACTERS_PER_TOKEN: Final = 4
"""The usual rule of thumb for English; the offline model has no tokens, so its usage is an estimate."""
FinishReason = Literal["stop", "length", "tool_call"]


@dataclass(frozen=True, slots=True)
class Call:
    """A function the model wants called."""

    id: str
    name: str
    arguments: JsonMap


@dataclass(frozen=True, slots=True)
class Completion:
    """Everything the model says to one request."""

    model: str
    text: str
    calls: tuple[Call, ...]
    finish_reason: FinishReason
    input_tokens: int
    output_tokens: int

    @classmethod
    def of(cls, conversation: Conversation, text: str, calls: Sequence[Call] = ()) -> Completion:
        """Cut `text` where the settings say, and count both sides."""
        cut, reason = _limited(text, conversation.settings)
        spoken = len(conversation.system) + sum([len(turn.text) for turn in conversation.turns])
        called = sum([len(json.dumps(call.arguments)) for call in calls])
        return cls(
            model=_MODEL,
            text=cut,
            calls=tuple(calls) if reason == "stop" else (),
            finish_reason="tool_call" if calls and reason == "stop" else reason,
            input_tokens=_tokens(spoken),
            output_tokens=_tokens(len(cut) + called),
        )

    @property
    def id(self) -> str:
        """The same for the same answer, so that two runs can be compared."""
        digest = hashlib.blake2b(self.text.encode("utf-8", "surrogatepass"), digest_size=8)
        return f"offline-{digest.hexdigest()}"

    def usage(self) -> JsonMap:
        """The token counts, estimated from lengths."""
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
        }


def to_response(completion: Completion) -> JsonMap:
    """The lm15 Response as a dict."""
    parts: list[JsonValue] = []
    if completion.text or not completion.calls:
        parts.append({"type": "text", "text": completion.text})
    parts.extend(
        [{"type": "tool_call", "id": c.id, "name": c.name, "input": c.arguments} for c in completion.calls]
    )
    return {
        "id": completion.id,
        "model": completion.model,
        "message": {"role": "assistant", "parts": parts},
        "finish_reason": completion.finish_reason,
        "usage": completion.usage(),
    }


def to_events(completion: Completion) -> Iterator[JsonMap]:
    """The lm15 stream events as dicts: the text word by word, each call whole."""
    yield {"type": "start", "id": completion.id, "model": completion.model}
    index = 0
    if completion.text or not completion.calls:
        for piece in _pieces(completion.text) or [""]:
            yield {"type": "delta", "delta": {"type": "text", "part_index": 0, "text": piece}}
        index = 1
    for at, call in enumerate(completion.calls, start=index):
        yield {
            "type": "delta",
            "delta": {
                "type": "tool_call",
                "part_index": at,
                "id": call.id,
                "name": call.name,
                "input": json.dumps(call.arguments, ensure_ascii=False),
            },
        }
    yield {"type": "end", "finish_reason": completion.finish_reason, "usage": completion.usage()}


def _pieces(text: str) -> list[str]:
    """Cut a text into words with the blanks before them; joined they are the text again."""
    found: list[str] = []
    at = 0
    for match in re.finditer(r"\S+", text):
        found.append(text[at : match.end()])
        at = match.end()
    if at < len(text):
        found.append(text[at:])
    return found


def _limited(text: str, settings: Settings) -> tuple[str, Literal["stop", "length"]]:
    """The text up to the first stop sequence and the token limit, and which of them ended it."""
    for stop in settings.stop:
        at = text.find(stop)
        if at >= 0:
            text = text[:at]
    if settings.max_tokens is None or _tokens(len(text)) <= settings.max_tokens:
        return text, "stop"
    return text[: settings.max_tokens * _CHARACTERS_PER_TOKEN], "length"


def _tokens(characters: int) -> int:
    return max(-(-characters // _CHARACTERS_PER_TOKEN), 1)
