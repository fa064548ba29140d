"""Generation: what a model has answered to a host, and what that took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

from dspash.errors import DspashError
from dspash.gateway.answer import Answer
from dspash.gateway.spent import total_tokens, usage_of
from dspash.resources.lm.texts import response_text

__all__ = ["Batch", "BatchItem", "Estimate", "Generation"]


@dataclass(frozen=True, slots=True)
class Generation:
    """One answer. `text` is what the model said; `response` all of it, an lm15 Response as a map.

    `model` is `provider/model` of the one that answered, `source` where the answer came from: provider, local, cache,
    journal or flight. `cost_usd` is None where the price is not known.
    """

    text: str
    response: Mapping[str, Any]
    model: str
    source: str
    usage: Mapping[str, Any]
    tokens: int
    cost_usd: float | None
    latency_s: float

    @classmethod
    def of(cls, answer: Answer) -> Generation:
        """What the gateway answered."""
        return cls(
            text=response_text(answer.response),
            response=answer.response,
            model=answer.target.name,
            source=answer.source.value,
            usage=usage_of(answer.response),
            tokens=total_tokens(answer.response) or 0,
            cost_usd=None if answer.cost is None else answer.cost.usd,
            latency_s=answer.latency_s,
        )


@dataclass(frozen=True, slots=True)
class BatchItem:
    """The outcome of one prompt of a batch: a generation, or the error that it ended with."""

    index: int
    generation: Generation | None = None
    error: DspashError | None = None

    @property
    def text(self) -> str:
        """What the model said. Raises the error, where there is one."""
        if self.generation is None:
            raise self.error or RuntimeError("a prompt without an outcome")
        return self.generation.text


class Batch(Sequence[BatchItem]):
    """The outcomes of many prompts, in their order. Some may have failed: the others are there."""

    def __init__(self, items: Sequence[BatchItem]) -> None:
        self._items = tuple(items)

    def __repr__(self) -> str:
        return f"<Batch of {len(self._items)}, {len(self.errors)} failed>"

    @overload
    def __getitem__(self, index: int) -> BatchItem: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[BatchItem]: ...
    def __getitem__(self, index: int | slice) -> BatchItem | Sequence[BatchItem]:
        return self._items[index]

    def __iter__(self) -> Iterator[BatchItem]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def texts(self) -> list[str | None]:
        """What the model said to each prompt; None where it failed."""
        return [None if item.generation is None else item.generation.text for item in self._items]

    @property
    def errors(self) -> list[BatchItem]:
        """Those that failed."""
        return [item for item in self._items if item.error is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What calls may come to before they are made. `how` says what it is by.

    `usd` is the likely cost and `most_usd` what it would be if every answer were as long as it may: None where the price is
    not known.
    """

    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    usd: float | None
    most_usd: float | None
    how: str
    basis: str = ""
