"""Moment: a point in time as it is typed, `7d` ago or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from dspash.errors import ConfigurationError

__all__ = ["MOMENT_FORM", "read_moment"]

MOMENT_FORM: Final = (
    "how long ago (30m, 24h, 7d, 4w), or a date such as 2026-05-01, in UTC unless it says otherwise"
)
_AGO: Final = re.compile(r"(\d{1,6})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_moment(option: str, text: str, now: datetime) -> datetime | None:
    """The moment that `text` means, seen from `now`; None for no text. Raises ConfigurationError naming the option."""
    if not text:
        return None
    if ago := _AGO.fullmatch(text.strip()):
        try:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        except OverflowError:
            raise ConfigurationError(option, f"{text[:60]!r} is before all time", "give less") from None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigurationError(option, f"{text[:60]!r} is no time", f"give {MOMENT_FORM}") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
