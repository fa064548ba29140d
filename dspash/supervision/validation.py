"""Validation of settings: each check names the bad field and what it takes."""

from __future__ import annotations

import math
from enum import Enum

from dspash.errors import ConfigurationError

__all__ = ["require_count", "require_duration", "require_member", "require_name", "require_period"]


def require_name(path: str, value: object) -> None:
    """Raise ConfigurationError unless `value` is text of one line that is not blank."""
    if not isinstance(value, str) or not value.strip() or len(value.splitlines()) != 1:
        raise ConfigurationError(path, f"{value!r} is not a name", "give one line of text that is not blank")


def require_member(path: str, value: object, kind: type[Enum]) -> None:
    """Raise ConfigurationError unless `value` is a member of `kind`; its plain value is not enough."""
    if not isinstance(value, kind):
        members = ", ".join(str(member) for member in kind)
        raise ConfigurationError(path, f"{value!r} is not a {kind.__name__}", f"give one of: {members}")


def require_count(path: str, value: object, *, least: int = 0) -> None:
    """Raise ConfigurationError unless `value` is an integer of at least `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigurationError(path, f"{value!r} is not a count", f"give an integer of at least {least}")


def require_duration(path: str, value: object, *, most_s: float = math.inf) -> None:
    """Raise ConfigurationError unless `value` is a number of seconds from 0 to `most_s`."""
    if not 0 <= _seconds(value) <= most_s:
        limit = "" if most_s == math.inf else f" and at most {most_s:g}"
        raise ConfigurationError(path, f"{value!r} is not a duration", f"give seconds, at least 0{limit}")


def require_period(path: str, value: object) -> None:
    """Raise ConfigurationError unless `value` is a number of seconds above 0; infinity means for ever."""
    if not _seconds(value) > 0:
        raise ConfigurationError(path, f"{value!r} is not a period", "give seconds, more than 0")


def _seconds(value: object) -> float:
    """The number, or NaN, which is in no range, for anything that is not one."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
