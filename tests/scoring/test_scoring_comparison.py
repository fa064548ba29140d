"""Two programs are compared example by example, and chance is given its due."""

from __future__ import annotations

import builtins
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dspash
from dspash.scoring import compare_scores, significance_of

pytestmark = pytest.mark.timeout(60)  # scipy takes seconds to import, more on a busy machine

SCORES = st.sampled_from([0.0, 0.25, 0.5, 1.0])


def _numbered(scores: list[float]) -> dict[int, float]:
    return dict(enumerate(scores))


@settings(max_examples=25)
@given(st.lists(st.tuples(SCORES, SCORES), max_size=30))
def test_every_example_is_better_worse_or_the_same(pairs: list[tuple[float, float]]) -> None:
    found = compare_scores(_numbered([a for a, _ in pairs]), _numbered([b for _, b in pairs]))
    assert len(found.better) + len(found.worse) + found.same == len(pairs)
    assert set(found.gained) <= set(found.better)
    assert set(found.lost) <= set(found.worse)
    assert found.difference == pytest.approx(found.after - found.before)
    if found.interval is not None:
        assert found.interval.low - 1e-9 <= found.difference <= found.interval.high + 1e-9


def test_flips_are_told_by_their_places() -> None:
    found = compare_scores({0: 0.0, 1: 1.0, 2: 0.5, 3: 1.0, 9: 1.0}, {0: 1.0, 1: 0.9, 2: 0.75, 3: 1.0})
    assert (found.better, found.worse, found.same) == ((0, 2), (1,), 1)
    assert (found.gained, found.lost) == ((0,), (1,))
    told = found.to_map()
    assert told["gained"] == [0]
    assert told["interval"].keys() == {"low", "high", "level", "method"}
    assert "scores" not in told


@pytest.mark.parametrize(
    ("gained", "lost", "p_value"),
    # 2 × the tail of a fair coin: 2·1/2^5, 2·(1+10)/2^10, 2·(1+8)/2^8, none beyond 1
    [(5, 0, 0.0625), (9, 1, 0.021484375), (1, 7, 0.0703125), (3, 3, 1.0), (0, 0, 1.0)],
)
def test_mcnemar_is_exact(gained: int, lost: int, p_value: float) -> None:
    before = [0.0] * gained + [1.0] * lost + [1.0] * 20
    after = [1.0] * gained + [0.0] * lost + [1.0] * 20
    found = significance_of(before, after)
    assert (found.test, found.p_value) == ("mcnemar", pytest.approx(p_value))


def test_graded_scores_are_permuted() -> None:
    before, after = [0.1, 0.2, 0.3, 0.4, 0.5], [0.3, 0.4, 0.6, 0.5, 0.9]
    found = significance_of(before, after)
    assert (found.test, found.p_value) == (
        "permutation",
        pytest.approx(2 / 2**5),
    )  # every sign but all or none
    drawn = significance_of(before * 8, after * 8, "permutation")
    assert drawn.p_value < 0.001
    assert drawn == significance_of(before * 8, after * 8, "permutation")
    assert significance_of(before, before).p_value == 1.0


def test_an_unknown_test_is_refused() -> None:
    with pytest.raises(dspash.ConfigurationError, match="mcnemar, permutation"):
        significance_of([0.0], [1.0], "student")  # type: ignore[arg-type]


def test_without_scipy_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "scipy":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    compared = compare_scores({0: 0.0, 1: 0.0}, {0: 1.0, 1: 0.0})
    with pytest.raises(dspash.ConfigurationError, match=r"pip install 'dspash\[statistics\]'"):
        compared.significance()
