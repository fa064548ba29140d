"""RunPage: an optimisation as one HTML file, which needs nothing else and reaches for nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from dspash.reports.candidate import ancestry_of, best_of
from dspash.reports.charts import CHARTS, charts_are_drawn, draw_chart
from dspash.reports.run_findings import RunFindings

__all__ = ["Chart", "page_of_run"]

MOST_ERRORS: Final = 50
_TEMPLATE: Final = "run_page.html"
_BEGIN: Final = b"<svg"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as the page has it; `svg` is an element that stands inside HTML."""

    title: str
    svg: str


def page_of_run(findings: RunFindings) -> str:
    """The page. Charts are left out, and the page says so, where matplotlib is not installed.

    All that programs, models and workers have said is text in it: nothing of it is read as HTML, and the page forbids
    itself scripts and the network.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("dspash.reports", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    best = best_of(findings.candidates)
    return environment.get_template(_TEMPLATE).render(
        run=findings.record,
        title=findings.record.name or str(findings.record.id),
        findings=findings,
        best=best,
        ancestry=() if best is None else ancestry_of(best, findings.candidates),
        failures=[each for each in findings.outcomes if each.error is not None][:MOST_ERRORS],
        charts=list(_charts(findings)) if charts_are_drawn() else None,
        facts=_facts(findings),
        shade=_shade,
        as_text=_as_text,
    )


def _charts(findings: RunFindings) -> Iterator[Chart]:
    for name, draw in CHARTS.items():
        drawn = draw_chart(findings, name, "svg")
        if drawn is not None:
            yield Chart(str(draw.__doc__), drawn[drawn.index(_BEGIN) :].decode())


def _facts(findings: RunFindings) -> dict[str, Any]:
    run = findings.record
    took = None if run.started_at is None or run.ended_at is None else run.ended_at - run.started_at
    facts = {
        "of": findings.subject,
        "status": run.status,
        "error": run.error,
        "optimizer": run.optimizer,
        "metric": run.metric_name,
        "score": None if run.score is None else f"{run.score:.1%}",
        "became version": run.result_version,
        "seed": run.seed,
        "examples to learn from": len(run.trainset),
        "examples to be judged by": None if run.valset is None else len(run.valset),
        "began": run.started_at,
        "took": took,
        "id": run.id,
    }
    return {name: value for name, value in facts.items() if value not in (None, "")}


def _shade(score: float) -> int:
    """Which of the page's eleven colours a score has, from 0 to 10."""
    return round(10 * min(max(score, 0.0), 1.0))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)
