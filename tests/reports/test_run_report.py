"""The page of a run says what is on record, whatever is on record, and reaches for nothing."""

from __future__ import annotations

import dataclasses
import sys
from html.parser import HTMLParser

import pytest

from dspash.errors import ConfigurationError, NotFoundError
from dspash.reports import CHARTS, RunFindings, draw_chart, page_of_run, read_run
from dspash.reports.candidate import ancestry_of, best_of, candidates_of
from dspash.reports.charts import charts_are_drawn
from dspash.resources.kernel import StoredScene
from tests.reports.runs import HOSTILE, scored


class _Page(HTMLParser):
    """The elements and attributes of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_programs_and_models_say_is_text_on_the_page(findings: RunFindings) -> None:
    page = _Page(page_of_run(findings))
    assert page.text.count(HOSTILE) >= 5  # title, heading, diff, error, model
    assert not page.tags & {"script", "img", "iframe", "object", "link", "base", "form"}
    assert not {name for name in page.attributes if name.startswith("on")} | (
        page.attributes & {"src", "href"}
    )


def test_the_page_tells_the_findings(findings: RunFindings) -> None:
    page = _Page(page_of_run(findings))
    assert "75.0%" in page.text
    assert "The best is 1, made from 0." in page.text
    assert "+Answer well." in page.text
    assert sorted(findings.latencies_ms) == [10.0, 30.0]
    assert [each.index for each in findings.outcomes] == [0, 1]


def test_a_run_of_nothing_has_a_page_that_says_so(findings: RunFindings) -> None:
    empty = dataclasses.replace(findings, candidates=(), outcomes=(), usage=(), latencies_ms=())
    text = _Page(page_of_run(empty)).text
    assert "None has a score." in text
    assert "No call of a language model is on record." in text
    assert "It is not known" in text


def test_the_page_is_made_without_matplotlib(findings: RunFindings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'dspash[plots]'" in _Page(page_of_run(findings)).text
    with pytest.raises(ConfigurationError, match="matplotlib, which is not installed"):
        draw_chart(findings, "history", "svg")


def test_a_run_that_is_none_is_refused(scene: StoredScene) -> None:
    with pytest.raises(NotFoundError):
        read_run(scene, "no such run")


def test_a_chart_that_is_none_is_refused(findings: RunFindings) -> None:
    with pytest.raises(ConfigurationError, match="history, effort, latency"):
        draw_chart(findings, "pie", "svg")


@pytest.mark.skipif(not charts_are_drawn(), reason="matplotlib is missing (pip extra dspash[plots])")
@pytest.mark.filterwarnings("default")  # matplotlib's own, of other versions of what it uses
def test_charts_are_drawn_and_equal_findings_make_equal_ones(findings: RunFindings) -> None:
    tried = candidates_of([scored(index, index % 7 / 7, examples=5) for index in range(500)])
    many = dataclasses.replace(findings, candidates=tried)
    for name in CHARTS:
        assert (draw_chart(many, name, "png") or b"").startswith(b"\x89PNG")
        svg = draw_chart(many, name, "svg")
        assert svg is not None
        assert b"<svg" in svg
        assert draw_chart(many, name, "svg") == svg
    assert _Page(page_of_run(many)).tags >= {"svg", "path"}
    nothing = dataclasses.replace(findings, candidates=(), latencies_ms=())
    assert [draw_chart(nothing, name, "svg") for name in CHARTS] == [None] * len(CHARTS)


def test_a_minibatch_never_beats_the_whole_set() -> None:
    found = candidates_of(
        [scored(1, 1.0, examples=3), scored(0, 0.5, examples=10), scored(2, 0.6, examples=10)]
    )
    assert [each.best_yet for each in found] == [0.5, 0.5, 0.6]
    best = best_of(found)
    assert best is not None
    assert best.index == 2


def test_what_a_worker_says_of_candidates_is_not_taken_for_granted() -> None:
    wrong = [
        {},
        scored(-1, 0.5),
        scored(0, "NaN"),
        scored(1, True),
        scored(2, float("inf")),
        scored(3, 0.5, final=True),
        {"index": [], "score": {}},
    ]
    assert candidates_of([*wrong, scored(4, 0.5, parents="all", examples="many")]) == candidates_of(
        [scored(4, 0.5)]
    )


def test_an_ancestry_that_goes_in_circles_ends() -> None:
    tried = candidates_of(
        [scored(0, 0.1, parents=[2]), scored(1, 0.2, parents=[0]), scored(2, 0.3, parents=[1])]
    )
    assert [each.index for each in ancestry_of(tried[2], tried)] == [2, 1, 0]
    assert ancestry_of(tried[0], tried) == (tried[0],)
