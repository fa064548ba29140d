"""Client settings: keys, addresses and whatever else concerns a connection, which programs of a full session do not make."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Final

from dspy.clients.backend_selection import CLIENT_KEYS

__all__ = ["without_client_settings"]

_OF_THE_HOST: Final = CLIENT_KEYS | {"provider"}  # the last one would fine-tune, over connections of its own


def without_client_settings(what: str, options: Mapping[str, Any], *, stacklevel: int) -> dict[str, Any]:
    """Return `options` without them. Where a program has given some, one warning names them, and never a value."""
    given = sorted(name for name in _OF_THE_HOST if options.get(name) is not None)
    if given:
        warnings.warn(
            f"{what} leads to the host of this worker, which has its keys and addresses; dropped: {', '.join(given)}",
            stacklevel=stacklevel + 1,
        )
    return {name: value for name, value in options.items() if name not in _OF_THE_HOST}
