"""The table of models: what is known of each one's prices, limits and abilities, and from when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from dspash.gateway.price import Price, Rates
from dspash.gateway.providers.provider_type import ProviderType

__all__ = ["FREE", "Facts", "ModelFacts", "ModelTable", "bundled_table"]

_FILE: Final = Path(__file__).with_name("models.json")
_MILLION: Final = 1_000_000
_PRICES: Final = frozenset("input output cache_read cache_write reasoning long".split())
FREE: Final = Price(Rates(0.0, 0.0), "a server of one's own")

Facts: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of one model; None and nothing where the table does not say."""

    price: Price | None = None
    max_input: int | None = None
    max_output: int | None = None
    able: frozenset[str] = field(default_factory=frozenset[str])
    """Some of `tools`, `schema`, `reasoning`, `images`, `audio`, `files`."""


_UNKNOWN: Final = ModelFacts()


class ModelTable:
    """Facts by the provider's family of models and the model's id."""

    def __init__(self, models: Mapping[str, Facts], *, basis: str) -> None:
        self._models = models
        self._basis = basis

    def __repr__(self) -> str:
        return f"<ModelTable {len(self._models)} models, {self._basis}>"

    def __len__(self) -> int:
        return len(self._models)

    @property
    def basis(self) -> str:
        """Source and date."""
        return self._basis

    def facts(self, kind: ProviderType, model: str, stated: Facts | None = None) -> ModelFacts:
        """What is known of `model` at a provider of this kind; what is served by one's own computer is free.

        `stated` is what its owner says of it, in the table's form, and goes first; its `like` names an entry of the table
        by family and id (`azure/gpt-4o` for a deployment of that model), which counts for the rest.
        """
        names = [f"{family}/{model}" for family in kind.prices]
        if stated is not None and "like" in stated:
            names = [stated["like"]]
        known = next((self._models[name] for name in names if name in self._models), None)
        if known is None and stated is None:
            return ModelFacts(price=FREE) if kind.is_own else _UNKNOWN
        entry = {**(known or {}), **(stated or {})}
        if stated is not None and "input" in stated:
            price = _price_of(
                {name: stated[name] for name in stated if name in _PRICES}, "stated by its owner"
            )
        else:
            price = FREE if kind.is_own else _price_of(entry, self._basis)
        return ModelFacts(
            price=None
            if price is None
            else price.counted_as(
                cache_is_apart=kind.cache_is_apart, reasoning_is_apart=kind.reasoning_is_apart
            ),
            max_input=entry.get("max_input"),
            max_output=entry.get("max_output"),
            able=frozenset(entry.get("able", ())),
        )

    def names(self) -> list[str]:
        """Every entry, as `family/model`."""
        return list(self._models)

    def models(self, kind: ProviderType) -> list[str]:
        """The ids of the models known at a provider of this kind, sorted."""
        prefixes = tuple(f"{family}/" for family in kind.prices)
        found = (name.partition("/")[2] for name in self._models if prefixes and name.startswith(prefixes))
        return sorted(set(found))


def _price_of(entry: Facts, basis: str) -> Price | None:
    """The price that `entry` states in US dollars a million tokens; None when it lacks that of input."""
    rates = _rates(entry)
    if rates is None:
        return None
    beyond = entry.get("long")
    if beyond is None:
        return Price(rates, basis)
    return Price(rates, basis, long_rates=_rates({**entry, **beyond}), long_above=beyond["above"])


@cache
def bundled_table() -> ModelTable:
    """The table that ships with dspash; read when it is first asked for."""
    content = json.loads(_FILE.read_text(encoding="utf-8"))
    return ModelTable(content["models"], basis=f"{content['source']}, {content['date']}")


def _rates(entry: Facts) -> Rates | None:
    read = _a_token(entry, "input")
    if read is None:
        return None
    return Rates(
        input=read,
        output=_a_token(entry, "output") or 0.0,  # an embedding model has no price for output, and no output
        cache_read=_a_token(entry, "cache_read"),
        cache_write=_a_token(entry, "cache_write"),
        reasoning=_a_token(entry, "reasoning"),
    )


def _a_token(entry: Facts, name: str) -> float | None:
    figure = entry.get(name)
    return None if figure is None else figure / _MILLION
