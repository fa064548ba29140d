"""Sets are drawn from content and seed: the same everywhere, near their shares, and exact by count."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash.datasets import SplitPlan
from dspash.datasets.splitting import position_of
from dspash.errors import InvalidInputError

HASHES = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(4000)]


def test_shares_are_met_nearly_and_stay_when_examples_are_added() -> None:
    plan = SplitPlan.of({"train": 0.7, "dev": 0.2}, seed=3)
    sets = {content: plan.set_of(content) for content in HASHES}
    counts = Counter(sets.values())
    assert counts["train"] == pytest.approx(2800, abs=120)
    assert counts["dev"] == pytest.approx(800, abs=100)
    assert counts[None] == pytest.approx(400, abs=80)
    assert all(plan.set_of(content) == found for content, found in sets.items())
    other = SplitPlan.of({"train": 0.7, "dev": 0.2}, seed=4)
    assert any(other.set_of(content) != found for content, found in sets.items())


def test_a_drawn_position_never_changes() -> None:
    # Sets that were drawn years ago are to be the same when they are drawn again.
    assert position_of("a", 0) == 0.7417194198289923
    assert position_of("a", 1) == 0.5825904866870052


@given(seed=st.integers(0, 9), order=st.randoms(use_true_random=False), count=st.integers(1, 30))
def test_counts_are_met_exactly_whatever_the_order(seed: int, order: random.Random, count: int) -> None:
    plan = SplitPlan.of({"train": count, "dev": 5}, seed=seed)
    examples = list(enumerate(HASHES[:60]))
    shuffled = examples.copy()
    order.shuffle(shuffled)
    drawn = plan.drawn(iter(shuffled))
    assert Counter(drawn.values()) == {"train": count, "dev": 5}
    assert drawn == plan.drawn(examples)


def test_all_shares_may_be_taken() -> None:
    plan = SplitPlan.of({"a": 0.1, "b": 0.2, "c": 0.7})
    assert None not in {plan.set_of(content) for content in HASHES}


def test_too_few_examples_are_refused() -> None:
    plan = SplitPlan.of({"train": 5})
    with pytest.raises(InvalidInputError, match="5 examples are wanted, there are 3"):
        plan.drawn(enumerate(HASHES[:3]))


@pytest.mark.parametrize(
    ("sizes", "problem"),
    [
        ({}, "there are no sets"),
        ({"train": 0.8, "dev": 50}, "all sizes are shares (0.8) or all are counts (200)"),
        ({"train": 0.8, "dev": 0.3}, "the shares add up to 1.1"),
        ({"train": 0}, "$.sizes.train: 0 is no size"),
        ({"train": -0.5}, "-0.5 is no size"),
        ({"train": float("nan")}, "nan is no size"),
        ({" ": 0.5}, "a set's name is text"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(sizes: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        SplitPlan.of(sizes)
    assert problem in str(refused.value)
