"""The resources: every concept of DSPy as records with actions.

`DOMAIN` has all of them. What they do is reached through an app's collections: `app.signatures.create(…)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dspash.resources.domain import DOMAIN

__all__ = ["DOMAIN"]


def __getattr__(name: str) -> Any:
    # The resources need pydantic and the whole kernel: they are loaded when the first of them is used.
    if name != "DOMAIN":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dspash.resources.domain import DOMAIN

    return DOMAIN
