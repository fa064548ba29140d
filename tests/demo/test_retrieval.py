"""Searching passages: by words, in an order that is the same everywhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from dspash import ConfigurationError
from dspash.demo.retrieval import Passage, PassageIndex

TOWER = Passage("Eiffel Tower", "An iron tower in Paris, finished in 1889.")
BRIDGE = Passage("Garabit Viaduct", "An iron railway bridge over the Truyère.")
ENGINEER = Passage("Gustave Eiffel", "He built the tower and the bridge.")
TWINS = [Passage(f"Twin {number}", "Identical words stand here.") for number in range(5)]


@pytest.fixture(scope="module")
def index() -> PassageIndex:
    return PassageIndex([TOWER, BRIDGE, ENGINEER, *TWINS])


def test_the_best_fit_comes_first_as_title_and_text(index: PassageIndex) -> None:
    assert index.search("railway bridge")[0] == "Garabit Viaduct | An iron railway bridge over the Truyère."


def test_titles_are_searched_too(index: PassageIndex) -> None:
    assert index.search("Gustave") == [str(ENGINEER)]


def test_at_most_k_come_back(index: PassageIndex) -> None:
    assert len(index.search("identical words", k=2)) == 2
    assert len(index.search("identical words", k=99)) == len(TWINS)
    assert index.search("identical words", k=0) == []


def test_equal_scores_keep_the_order_of_the_passages(index: PassageIndex) -> None:
    assert index.search("identical words", k=5) == [str(twin) for twin in TWINS]


@pytest.mark.parametrize("query", ["", "the of and", "?!", "zeppelin"])
def test_a_query_without_a_known_word_finds_nothing(index: PassageIndex, query: str) -> None:
    assert index.search(query) == []


def test_many_threads_find_the_same(index: PassageIndex) -> None:
    queries = ["iron tower", "bridge", "identical", "Paris 1889", "zeppelin"] * 20
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(index.search, queries))

    assert found == [index.search(query) for query in queries]


@pytest.mark.parametrize("passages", [[], [Passage("The", "of and a")]], ids=["none", "without words"])
def test_a_corpus_without_words_is_refused(passages: list[Passage]) -> None:
    with pytest.raises(ConfigurationError, match="no word"):
        PassageIndex(passages)
