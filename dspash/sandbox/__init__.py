"""The sandbox: everything the host decides about a worker's confinement before its process exists."""

from __future__ import annotations

from dspash.sandbox.containment import Containment, ContainmentKind, find_containment

__all__ = ["Containment", "ContainmentKind", "find_containment"]
