"""DspashError: the root of everything dspash raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dspash.usage import Isolation, Usage

__all__ = ["DspashError", "restored"]

_REPR_LIMIT: Final = 120  # characters of one attribute: a repr ends up in log lines


class DspashError(Exception):
    """Anything dspash raises; `str()` is one line with the way out, details are attributes.

    `retryable` means that making the same call again is safe and may succeed. `usage` and `isolation` are those of the
    call that it ended, where one was sent. Pickles and copies keep every attribute. Catch a subclass to act; catch this
    one at the edge of an application, to report it.
    """

    usage: Usage | None = None
    isolation: Isolation | None = None

    def __init__(self, summary: str, *, retryable: bool = False) -> None:
        self.retryable = retryable
        super().__init__(" ".join(line.strip() for line in summary.splitlines()))

    def __repr__(self) -> str:
        known = [f"{name}={_shortened(value)}" for name, value in vars(self).items() if name != "__notes__"]
        return f"{type(self).__name__}({', '.join(known)})"

    def __reduce__(self) -> tuple[Any, ...]:
        # The inherited form calls cls(*args), which keyword-only constructors refuse.
        return restored, (type(self), self.args, dict(vars(self)))


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _REPR_LIMIT else f"{text[: _REPR_LIMIT - 1]}…"


def restored(cls: type[DspashError], args: tuple[Any, ...], attributes: Mapping[str, Any]) -> DspashError:
    """An error from a pickle or a copy, with every attribute."""
    error = cls.__new__(cls, *args)
    vars(error).update(attributes)
    return error
