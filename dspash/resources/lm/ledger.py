"""StoredLedger: the gateway's record of its calls, kept by the recorder."""

from __future__ import annotations

from dspash.gateway.keeping import Exchange
from dspash.resources.lm.exchange_row import ExchangeRow
from dspash.resources.recording.recorder import Recorder

__all__ = ["StoredLedger"]


class StoredLedger:
    """Gives exchanges to a recorder. It implements dspash.gateway's Ledger."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __repr__(self) -> str:
        return f"<StoredLedger {self._recorder!r}>"

    def record(self, exchange: Exchange) -> None:
        """Have it written soon. Its maps are read later: who made the call changes them no more."""
        self._recorder.take(ExchangeRow(exchange))
