"""Confinement: how a forked worker gives up, for good, all that an untrusted program must not have.

Linux only, and nothing of DSPy: a zygote imports it before it forks.
"""

from __future__ import annotations

from dspash_worker.confinement.confine import (
    Applied,
    Prepared,
    confine,
    enter_namespaces,
    install_outer,
    prepare,
)
from dspash_worker.confinement.errors import ConfinementError

__all__ = [
    "Applied",
    "ConfinementError",
    "Prepared",
    "confine",
    "enter_namespaces",
    "install_outer",
    "prepare",
]
