"""The offline model: no key, no network, no weights — and no LLM."""

from __future__ import annotations

from dspash.gateway.offline.model import OfflineModel

__all__ = ["OfflineModel"]
