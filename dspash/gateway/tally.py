"""How much each model has been used: calls, failures, and the tokens its answers reported."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Final

from dspash.gateway.port import JsonMap, JsonValue

__all__ = ["Tally", "TallyBoard"]


@dataclass(frozen=True, slots=True)
class Tally:
    """One model's use. Tokens are as the model reported them; the offline model estimates its own."""

    calls: int = 0
    failures: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Tokens in and out."""
        return self.input_tokens + self.output_tokens


_UNUSED: Final = Tally()


class TallyBoard:
    """One Tally per model name, counted from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tallies: dict[str, Tally] = {}

    def count_answer(self, model: str, usage: JsonValue) -> None:
        """Count one answered call with the `usage` of its response; a missing figure counts as zero."""
        reported: JsonMap = usage if isinstance(usage, dict) else {}
        tokens_in, tokens_out = _tokens(reported.get("input_tokens")), _tokens(reported.get("output_tokens"))
        with self._lock:
            tally = self._tallies.get(model, _UNUSED)
            self._tallies[model] = Tally(
                tally.calls + 1,
                tally.failures,
                tally.input_tokens + tokens_in,
                tally.output_tokens + tokens_out,
            )

    def count_failure(self, model: str) -> None:
        """Count one call that ended in an error, or was abandoned half-way."""
        with self._lock:
            tally = self._tallies.get(model, _UNUSED)
            self._tallies[model] = replace(tally, calls=tally.calls + 1, failures=tally.failures + 1)

    def snapshot(self) -> dict[str, Tally]:
        """Every model used so far, with its use."""
        with self._lock:
            return dict(self._tallies)


def _tokens(figure: JsonValue) -> int:
    return figure if isinstance(figure, int) and not isinstance(figure, bool) and figure > 0 else 0
