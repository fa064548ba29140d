"""Environment: what the libraries below DSPy read from it, most of them while they are imported."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Final

__all__ = ["quieten"]

_QUIET: Final = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "true",  # else a price map is fetched over the network, which a worker may not have
    "TQDM_DISABLE": "1",  # else progress bars are drawn where nobody looks
}


def quieten(environment: MutableMapping[str, str]) -> None:
    """Set what is not set already. Call it before DSPy is imported."""
    for name, value in _QUIET.items():
        environment.setdefault(name, value)
