"""F1 over words: the same figure here as in the workers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash.demo.overlap import f1_score
from dspash_worker.scoring import BUILT_IN

WORDS = st.lists(
    st.sampled_from(["the", "a", "tower", "Tower.", "of", "Pisa", "pisa", "1889", "É", "é", "-", ""])
)
TEXTS = st.one_of(WORDS.map(" ".join), st.text())


@given(TEXTS, TEXTS)
def test_host_and_worker_count_the_same(expected: str, predicted: str) -> None:
    assert f1_score(expected, predicted) == pytest.approx(BUILT_IN["f1_score"](expected, predicted))


@given(TEXTS, TEXTS)
def test_it_lies_between_0_and_1_and_has_no_direction(expected: str, predicted: str) -> None:
    assert 0 <= f1_score(expected, predicted) == f1_score(predicted, expected) <= 1


@pytest.mark.parametrize(
    ("expected", "predicted", "score"),
    [
        ("the Eiffel Tower", "Eiffel tower.", 1.0),
        ("Gustave Eiffel", "It was Gustave Eiffel", 2 / 3),
        ("Paris", "London", 0.0),
        ("no no", "no", 2 / 3),
        ("the", "", 0.0),
        ("Paris", "", 0.0),
    ],
)
def test_case_punctuation_and_articles_do_not_count(expected: str, predicted: str, score: float) -> None:
    assert f1_score(expected, predicted) == pytest.approx(score)
