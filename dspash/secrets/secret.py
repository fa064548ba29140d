"""Secret: a text that no log, repr, traceback or pickle shows."""

from __future__ import annotations

import hmac
from typing import Final, NoReturn

__all__ = ["SHOWN", "Secret"]

SHOWN: Final = "[secret]"
"""What stands where a secret would."""

_SHORTEST: Final = 4  # characters: to take shorter ones out of a text would take the text apart


class Secret:
    """A key or a password. Only `reveal` gives it away, and whoever calls that keeps the text to himself."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not value:
            raise ValueError("a secret is not empty")
        self._value = value

    def __repr__(self) -> str:
        return SHOWN

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied: it would leave the process")

    def reveal(self) -> str:
        """The text itself."""
        return self._value

    def redacted(self, text: str) -> str:
        """`text` without this secret, should it quote it."""
        return text.replace(self._value, SHOWN) if len(self._value) >= _SHORTEST else text
