"""The sandbox: everything the host decides about a worker's confinement before its process exists."""

from __future__ import annotations

from dspash.sandbox.command import ZygoteCommand
from dspash.sandbox.containment import Containment, ContainmentKind, find_containment
from dspash.sandbox.finding import Finding, Problem
from dspash.sandbox.limits import Limits
from dspash.sandbox.probe import probe, require
from dspash.sandbox.spec import Trade, ZygoteSpec
from dspash.sandbox.tier import Tier
from dspash.sandbox.zygote_command import plan_for, zygote_command

__all__ = [
    "Containment",
    "ContainmentKind",
    "Finding",
    "Limits",
    "Problem",
    "Tier",
    "Trade",
    "ZygoteCommand",
    "ZygoteSpec",
    "find_containment",
    "plan_for",
    "probe",
    "require",
    "zygote_command",
]
