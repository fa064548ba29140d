"""The sandbox: everything the host decides about a worker's confinement before its process exists."""

from __future__ import annotations

from dspash.sandbox.command import ZygoteCommand
from dspash.sandbox.containment import Containment, ContainmentKind, find_containment
from dspash.sandbox.limits import Limits
from dspash.sandbox.spec import ZygoteSpec
from dspash.sandbox.tier import Tier
from dspash.sandbox.zygote_command import plan_for, zygote_command

__all__ = [
    "Containment",
    "ContainmentKind",
    "Limits",
    "Tier",
    "ZygoteCommand",
    "ZygoteSpec",
    "find_containment",
    "plan_for",
    "zygote_command",
]
