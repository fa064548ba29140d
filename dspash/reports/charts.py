"""Charts: pictures of a run, drawn by matplotlib where that is installed."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

from dspash.errors import ConfigurationError
from dspash.reports.run_findings import RunFindings

__all__ = ["CHARTS", "ChartFormat", "charts_are_drawn", "draw_chart"]

ChartFormat: TypeAlias = Literal["svg", "png"]

_SIZE_INCHES: Final = (8.0, 3.2)
_BINS: Final = 40
_TRIED, _BEST = "#8aa1b8", "#c8502d"


def charts_are_drawn() -> bool:
    """Whether matplotlib, of the extra `plots`, is there."""
    try:
        importlib.import_module("matplotlib")
    except ImportError:
        return False
    return True


def draw_chart(findings: RunFindings, name: str, format: ChartFormat) -> bytes | None:
    """One of CHARTS as a file of `format`; None where nothing is known that it could show.

    Equal findings make equal files. Raises ConfigurationError for a name that is none, and without matplotlib.
    """
    if name not in CHARTS:
        raise ConfigurationError(
            "chart", f"there is no chart {name!r:.60}", f"give one of {', '.join(CHARTS)}"
        )
    try:
        matplotlib: Any = importlib.import_module("matplotlib")
        figures: Any = importlib.import_module("matplotlib.figure")
    except ImportError:
        problem = "charts are drawn by matplotlib, which is not installed"
        raise ConfigurationError("chart", problem, "install it: pip install 'dspash[plots]'") from None
    figure = figures.Figure(figsize=_SIZE_INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    if not CHARTS[name](axes, findings):
        return None
    file = io.BytesIO()
    # Names inside an SVG are made of the salt: those of two on one page must differ, those of two runs must not.
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        unsaid = (
            dict.fromkeys(("Date", "Creator", "Format", "Type")) if format == "svg" else {"Software": None}
        )
        figure.savefig(file, format=format, metadata=unsaid, dpi=150)
    return file.getvalue()


def _draw_history(axes: Any, findings: RunFindings) -> bool:
    """Score of each candidate, and the best until then."""
    tried = findings.candidates
    indices = [each.index for each in tried]
    axes.scatter(indices, [each.score for each in tried], s=14, color=_TRIED, label="candidate")
    axes.step(indices, [each.best_yet for each in tried], where="post", color=_BEST, label="best so far")
    axes.set(xlabel="candidate", ylabel="score")
    axes.legend(frameon=False)
    return bool(tried)


def _draw_effort(axes: Any, findings: RunFindings) -> bool:
    """The best score against the examples that were judged until then."""
    judged, total = list[int](), 0
    for each in findings.candidates:
        total += each.examples or 0
        judged.append(total)
    axes.step(judged, [each.best_yet for each in findings.candidates], where="post", color=_BEST)
    axes.set(xlabel="examples judged", ylabel="best score")
    return total > 0


def _draw_latency(axes: Any, findings: RunFindings) -> bool:
    """How long models took to answer."""
    axes.hist(findings.latencies_ms, bins=_BINS, color=_TRIED)
    axes.set(xlabel="latency in ms", ylabel="calls")
    return bool(findings.latencies_ms)


CHARTS: Final[Mapping[str, Callable[[Any, RunFindings], bool]]] = {
    "history": _draw_history,
    "effort": _draw_effort,
    "latency": _draw_latency,
}
"""What can be drawn, by name; each draws on axes and returns whether there was anything to show."""
