"""Bars: what the bridge promises, judged from one run's figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from benchmarks.figures import Figure
from benchmarks.samples import Quantiles

__all__ = ["Verdict", "judge"]

_OURS: Final = "dspash"
_FLOORS: Final = frozenset({"socketpair", "bare-frames"})  # not systems: nothing supervises their child


@dataclass(frozen=True, slots=True)
class Verdict:
    """One bar and how it went; bars whose measure did not run have none."""

    bar: str
    measured: str
    met: bool


Table: TypeAlias = Mapping[tuple[str, str], Figure]


def judge(figures: Sequence[Figure]) -> list[Verdict]:
    """Judge every bar that these figures can tell about."""
    table = {(figure.measure, figure.contestant): figure for figure in figures}
    verdicts = (rule(table) for rule in _RULES)
    return [verdict for verdict in verdicts if verdict is not None]


def _round_trip(table: Table) -> Verdict | None:
    figure = table.get(("round_trip", _OURS))
    if figure is None or figure.ratio is None:
        return None
    return Verdict(
        "round trip p50 ≤ 5 × raw socketpair ping-pong", f"{figure.ratio:.2f} ×", figure.ratio <= 5
    )


def _ahead(table: Table) -> Verdict | None:
    times = {
        name: figure.quantiles.p50
        for (measure, name), figure in table.items()
        if measure == "round_trip" and name not in _FLOORS and figure.quantiles is not None
    }
    if _OURS not in times or len(times) < 2:
        return None
    ours = times.pop(_OURS)
    rival = min(times, key=times.__getitem__)
    return Verdict(
        "round trip p50 ahead of every peer",
        f"{ours * 1e6:.0f} µs, nearest {rival} {times[rival] * 1e6:.0f} µs",
        ours < times[rival],
    )


def _pipelined(table: Table) -> Verdict | None:
    figure = table.get(("pipelined", _OURS))
    if figure is None or figure.quantiles is None:
        return None
    rate, ratio = figure.quantiles.p50, figure.ratio or 0.0
    return Verdict(
        "pipelined ≥ 20,000 calls/s on one worker, or ≥ 0.4 × bare frames",
        f"{rate:,.0f} calls/s, {ratio:.2f} ×",
        rate >= 20_000 or ratio >= 0.4,
    )


def _ratio_bar(measure: str, contestant: str, bar: str, met: Callable[[float], bool]) -> _Rule:
    def rule(table: Table) -> Verdict | None:
        figure = table.get((measure, contestant))
        if figure is None or figure.ratio is None:
            return None
        return Verdict(bar, f"{figure.ratio:.2f} ×", met(figure.ratio))

    return rule


def _time_bar(measure: str, bar: str, limit_s: float, pick: Callable[[Quantiles], float]) -> _Rule:
    def rule(table: Table) -> Verdict | None:
        figure = table.get((measure, _OURS))
        if figure is None:
            return None
        if figure.quantiles is None:
            return Verdict(bar, figure.note, met=False)
        seconds = pick(figure.quantiles)
        return Verdict(bar, f"{seconds * 1e3:.3g} ms", seconds <= limit_s)

    return rule


def _no_dspy(table: Table) -> Verdict | None:
    figure = table.get(("import", _OURS))
    if figure is None:
        return None
    return Verdict("import dspash loads no dspy", figure.note, figure.note == "loads no dspy")


_Rule: TypeAlias = Callable[[Table], Verdict | None]

_RULES: Final[tuple[_Rule, ...]] = (
    _round_trip,
    _ahead,
    _pipelined,
    _ratio_bar("predict", _OURS, "bridged Predict ≤ 1.25 × in-process", lambda ratio: ratio <= 1.25),
    _ratio_bar(
        "predict_reading",
        _OURS,
        "bridged Predict with passages ≤ 1.25 × in-process",
        lambda ratio: ratio <= 1.25,
    ),
    _ratio_bar(
        "crunch",
        "dspash-2",
        "two workers ≥ 1.6 × one on CPU-bound Predict",
        lambda ratio: ratio >= 1.6,
    ),
    _time_bar("import", "import dspash < 150 ms", 0.15, lambda times: times.p50),
    _no_dspy,
    _time_bar("crash_error", "typed error ≤ 5 ms after a worker's death", 0.005, lambda times: times.p50),
    _time_bar("crash_next", "next call answered ≤ 50 ms after the death", 0.05, lambda times: times.p50),
    _time_bar("overshoot_sleep", "deadline overshoot ≤ 20 ms, call in C", 0.02, lambda times: times.p50),
    _time_bar("overshoot_spin", "deadline overshoot ≤ 20 ms, call in Python", 0.02, lambda times: times.p50),
    _time_bar("host_kill", "everything gone ≤ 1 s after the host's SIGKILL", 1.0, lambda times: times.p99),
)
