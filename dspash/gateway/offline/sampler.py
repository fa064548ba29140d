"""Sampling: variation that is the same every time for the same request and rollout."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from dspash.gateway.port import JsonMap, JsonValue

__all__ = ["Sampler"]

T = TypeVar("T")


class Sampler:
    """A source of variation for one call.

    At temperature 0 there is none. Above it, the draws depend on the whole request, on its `rollout_id` and, where
    the same request is sent more than once in one call, on its `sample` number: nothing else, so a rerun draws alike.
    """

    def __init__(self, request: JsonMap, meta: JsonMap, temperature: float) -> None:
        self._temperature = min(temperature, 2.0)
        self._key = (meta.get("rollout_id"), meta.get("sample"))
        self._request = request
        self._random: random.Random | None = None

    @property
    def varies(self) -> bool:
        """Whether draws differ from the most likely choice at all."""
        return self._temperature > 0

    def noise(self, scale: float) -> Callable[[], float] | None:
        """Draws to add to scores, about `scale` wide at temperature 1; None when there is no variation."""
        if not self.varies:
            return None
        source = self._source()
        width = scale * self._temperature
        # Adding Gumbel noise to scores and taking the largest draws from their softmax.
        return lambda: -width * math.log(-math.log(min(max(source.random(), 1e-12), 1 - 1e-12)))

    def chance(self, share: float) -> bool:
        """True in about `share` of draws at temperature 1, less often below it, never at 0."""
        return self.varies and self._source().random() < share * min(self._temperature, 1.0)

    def pick(self, choices: Sequence[T]) -> T:
        """The first of `choices` at temperature 0, else any of them."""
        return self._source().choice(choices) if self.varies else choices[0]

    def _source(self) -> random.Random:
        if self._random is None:
            canonical = json.dumps(
                [self._request, *self._key], sort_keys=True, ensure_ascii=False, default=_refused
            )
            digest = hashlib.blake2b(canonical.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            self._random = random.Random(digest)
        return self._random


def _refused(value: object) -> JsonValue:
    return repr(value)
