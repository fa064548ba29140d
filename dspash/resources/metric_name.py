"""Metric name: what people call a metric, whichever way it is given."""

from __future__ import annotations

from pydantic import JsonValue

__all__ = ["metric_name"]


def metric_name(metric: JsonValue) -> str:
    """The name of a built-in or of a host function; `source` for one that is given as text, `judge` for a model's."""
    match metric:
        case str():
            return metric[:200]
        case {"name": str() as name} | {"host": str() as name}:
            return name[:200]
        case {"source": _}:
            return "source"
        case {"judge": _}:
            return "judge"
        case _:
            return ""
