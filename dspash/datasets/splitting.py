"""Splitting: which set an example belongs to, from what it says alone."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from dspash.errors import InvalidInputError, Problem

__all__ = ["SplitPlan", "position_of"]

K = TypeVar("K")

_WHOLE: Final = 2**64
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How a data set is cut: shares (`{"train": 0.8, "dev": 0.2}`) or counts (`{"train": 200, "dev": 50}`).

    An example's place is drawn from its content and the seed, so it is the same in every process, whatever the order.
    By shares, equal examples are in the same set, and each stays where it is when others are added. What no share or
    count covers is in no set.
    """

    sizes: tuple[tuple[str, float], ...]
    seed: int
    by_count: bool

    @classmethod
    def of(cls, sizes: Mapping[str, float], *, seed: int = 0, path: str = "$.sizes") -> SplitPlan:
        """Read a plan. Raises InvalidInputError naming what is wrong with it."""
        problems = [Problem(f"{path}.{name}", "a set's name is text") for name in sizes if not name.strip()]
        counts = [isinstance(size, int) for size in sizes.values()]
        problems += [
            Problem(f"{path}.{name}", f"{size} is no size")
            for name, size in sizes.items()
            if not 0 < size < _WHOLE
        ]
        if not sizes:
            problems.append(Problem(path, "there are no sets"))
        elif any(counts) and not all(counts):
            problems.append(Problem(path, "all sizes are shares (0.8) or all are counts (200)"))
        elif not any(counts) and sum(sizes.values()) > 1 + _ROUNDING:
            problems.append(Problem(path, f"the shares add up to {sum(sizes.values()):g}; 1 is the whole"))
        if problems:
            raise InvalidInputError.of(problems)
        return cls(tuple(sizes.items()), seed, all(counts))

    def set_of(self, content_hash: str) -> str | None:
        """Return the set, by shares, of the example with that hash."""
        place, end = position_of(content_hash, self.seed), 0.0
        for name, share in self.sizes:
            end += share
            if place < end:
                return name
        return None

    def drawn(self, hashes: Iterable[tuple[K, str]]) -> dict[K, str]:
        """Return the sets, by counts, of those examples (key, hash) that are in one. Holds no more than these.

        Raises InvalidInputError where there are too few.
        """
        total = int(sum(size for _, size in self.sizes))
        first = heapq.nsmallest(
            total,
            (
                (position_of(content_hash, self.seed), number, key)
                for number, (key, content_hash) in enumerate(hashes)
            ),
        )
        if len(first) < total:
            problem = f"{total} examples are wanted, there are {len(first)}"
            raise InvalidInputError.of([Problem("$.sizes", problem)])
        names = iter([name for name, size in self.sizes for _ in range(int(size))])
        return {key: next(names) for _, _, key in first}


def position_of(content_hash: str, seed: int) -> float:
    """Return a number from 0 to 1 that only hash and seed decide, evenly spread."""
    drawn = hashlib.blake2b(f"{seed}:{content_hash}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn) / _WHOLE
