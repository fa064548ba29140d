"""Usage: the tokens of one call, from whatever thread they were spent in."""

from __future__ import annotations

import threading
from typing import Any, Final

from dspy.utils.usage_tracker import UsageTracker

__all__ = ["SharedUsage"]


_COUNTS: Final = frozenset({int, float})  # and no bool: providers put flags beside them


class SharedUsage(UsageTracker):
    """DSPy copies a tracker into every thread it starts and drops the copies; this one stays one and is locked."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def __deepcopy__(self, _memo: dict[int, Any]) -> SharedUsage:
        return self

    def add_usage(self, lm: str, usage_entry: dict[str, Any]) -> None:
        with self._lock:
            super().add_usage(lm, usage_entry)

    def totals(self) -> dict[str, dict[str, Any]]:
        """Return the totals by model, counts only."""
        with self._lock:
            totals = self.get_total_tokens()
        return {
            model: {name: count for name, count in entry.items() if type(count) in _COUNTS}
            for model, entry in totals.items()
        }
