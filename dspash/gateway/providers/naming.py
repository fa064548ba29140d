"""Naming: what models are called."""

from __future__ import annotations

from typing import Final

from dspash.gateway.target import Target

__all__ = ["DEFAULT", "OFFLINE", "RESERVED", "offline_target", "split_name"]

DEFAULT: Final = "default"
"""What a program says that leaves the choice to the host."""

OFFLINE: Final = "offline"
"""The provider, and its one model, that is computed in this process."""

RESERVED: Final = frozenset({DEFAULT, OFFLINE})
"""Names that no provider and no alias may have."""


def split_name(name: str) -> tuple[str, str]:
    """Provider and model of `provider/model` or `provider:model`; no model where neither sign is in it.

    The first of the signs divides: ids of models may have both.
    """
    at = min((place for sign in "/:" if (place := name.find(sign)) > 0), default=len(name))
    return name[:at], name[at + 1 :]


def offline_target(variant: str = "") -> Target:
    """The model that is computed in this process; its variants are all the same."""
    return Target(OFFLINE, OFFLINE, variant or OFFLINE, key_id=OFFLINE, is_local=True)
