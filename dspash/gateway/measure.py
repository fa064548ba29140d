"""Measure: how many tokens a request may need, from its text alone and before anybody has counted them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dspash.gateway.lm_call import CallKind
from dspash.gateway.model import RoutedCall
from dspash.gateway.port import JsonMap, JsonValue

__all__ = ["Measure", "measure_of"]

_BYTES_PER_TOKEN: Final = 4
"""The usual rule of thumb for English text."""
_PER_MESSAGE: Final = 8
"""What roles and separators come to."""
_PER_MEDIUM: Final = 2_000
"""For an image, a sound or a document: what the large providers count for an image of a thousand pixels a side."""
_UNSTATED_OUTPUT: Final = 4_096
"""For an answer whose length nobody has limited: more than DSPy's programs usually get, less than models may give."""
_MEDIA: Final = frozenset({"audio", "binary", "document", "image", "video"})


@dataclass(frozen=True, slots=True)
class Measure:
    """Tokens of one request: what it is likely to read, the most that its text can be, and the most it may be answered."""

    likely_input: int
    most_input: int
    most_output: int

    @property
    def likely(self) -> int:
        """What rate limits go by: providers count the room for the answer, too."""
        return self.likely_input + self.most_output

    @property
    def most(self) -> int:
        """What budgets go by."""
        return self.most_input + self.most_output


def measure_of(call: RoutedCall) -> Measure:
    """Measure what `call.target` would be asked.

    No tokenizer makes more tokens than a text has bytes, so that `most_input` holds for text; media are reckoned.
    """
    request = call.call.request
    if call.call.kind is CallKind.EMBEDDING:
        size, media = _extent(request.get("inputs"))
        return Measure(size // _BYTES_PER_TOKEN + 1, size + media, 0)
    size, media = 0, 0
    for name in ("system", "messages", "tools"):
        more, shown = _extent(request.get(name))
        size, media = size + more, media + shown
    messages = request.get("messages")
    around = _PER_MESSAGE * (2 + (len(messages) if isinstance(messages, list) else 0))
    return Measure(
        size // _BYTES_PER_TOKEN + around + media,
        size + around + media,
        _most_output(call, request),
    )


def _most_output(call: RoutedCall, request: JsonMap) -> int:
    config = request.get("config")
    wanted: JsonValue = config.get("max_tokens") if isinstance(config, dict) else None
    if wanted is None:
        wanted = call.target.defaults.get("max_tokens")
    if isinstance(wanted, int) and not isinstance(wanted, bool) and wanted >= 0:
        return wanted
    return min(call.target.max_output_tokens or _UNSTATED_OUTPUT, _UNSTATED_OUTPUT)


def _extent(value: JsonValue) -> tuple[int, int]:
    """Bytes of all text below `value`, names of fields included, and what the media there are reckoned at."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass")), 0
    if isinstance(value, dict):
        if value.get("type") in _MEDIA and ("data" in value or "url" in value or "file_id" in value):
            return 0, _PER_MEDIUM
        found = [(_extent(item), len(name)) for name, item in value.items()]
        return sum(inner[0] + name for inner, name in found), sum(inner[1] for inner, _ in found)
    if isinstance(value, list):
        extents = [_extent(item) for item in value]
        return sum(size for size, _ in extents), sum(media for _, media in extents)
    return (0, 0) if value is None else (8, 0)
