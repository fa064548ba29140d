"""Tier: how strongly a worker is confined."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from dspash_protocol.confinement_plan import Layer

__all__ = ["Tier"]


class Tier(StrEnum):
    """How strongly a worker is confined; members are strings, so `sandbox="strict"` names one."""

    STRICT = "strict"
    """Every layer, with namespaces of its own for each worker. What untrusted programs get."""
    SHARED_NAMESPACES = "shared-namespaces"
    """For systems that allow no nested user namespaces, as Ubuntu's AppArmor profile for bubblewrap does: the workers of
    one zygote share its namespaces; Landlock and seccomp hold them apart."""
    LANDLOCK = "landlock"
    """Without bubblewrap, never as root: Landlock and seccomp on the host's own file system."""
    PROCESS = "process"
    """Lifecycle only: what a worker starts dies with it. For trusted code."""

    @property
    def layers(self) -> frozenset[Layer]:
        """What is applied to a worker of this tier; a worker that lacks one of them is not started."""
        return _LAYERS[self]

    @property
    def is_sandbox(self) -> bool:
        """Whether a hostile program may run in it."""
        return self is not Tier.PROCESS

    @property
    def is_wrapped(self) -> bool:
        """Whether its zygote runs in a file system that bubblewrap makes for it."""
        return self in {Tier.STRICT, Tier.SHARED_NAMESPACES}


_SHARED: Final = frozenset(Layer) - {Layer.NAMESPACES, Layer.MOUNTS}
_LAYERS: Final = {
    Tier.STRICT: frozenset(Layer),
    Tier.SHARED_NAMESPACES: _SHARED,
    Tier.LANDLOCK: _SHARED,
    Tier.PROCESS: frozenset({Layer.NAMESPACES}),
}
