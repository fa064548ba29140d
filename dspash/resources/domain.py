"""DOMAIN: every resource of dspash, each declared in a file of its own."""

from __future__ import annotations

from typing import Final

from dspash.resources.kernel import Domain
from dspash.resources.signature import Signature

__all__ = ["DOMAIN"]

DOMAIN: Final = Domain([Signature])
