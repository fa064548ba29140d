"""Limits on what the signature grammar reads: far above any real signature, far below any harm."""

from __future__ import annotations

from typing import Final

__all__ = ["MAX_DEPTH", "MAX_FIELDS", "MAX_OPTIONS", "MAX_TEXT"]

MAX_TEXT: Final = 100_000
"""Characters in one signature or type."""

MAX_DEPTH: Final = 16
"""Types inside types."""

MAX_FIELDS: Final = 256
"""Fields of one signature or one object, inputs and outputs together."""

MAX_OPTIONS: Final = 10_000
"""Values of one Literal: intent sets of thousands exist."""
