"""Confinement: how a forked worker gives up, for good, all that an untrusted program must not have.

Linux only, and nothing of DSPy: a zygote imports it before it forks.
"""

from __future__ import annotations

from dspash_worker.confinement.confine import (
    Applied,
    confine,
    enter_namespaces,
    install_outer,
    open_rules,
    prepare,
)
from dspash_worker.confinement.errors import ConfinementError

__all__ = [
    "Applied",
    "ConfinementError",
    "confine",
    "enter_namespaces",
    "install_outer",
    "open_rules",
    "prepare",
]
