"""Supervision: the rules by which children are started again, watched and given up.

Every rule is a pure function of values: nothing here starts, reads, waits for or kills anything, and the time
is always an argument. Whoever owns the processes (dspash.bridge) asks, and carries out the answer.
"""

from __future__ import annotations

from dspash.supervision.backoff import Backoff
from dspash.supervision.child_spec import ChildSpec, Restart
from dspash.supervision.death import Death
from dspash.supervision.decision import Decision, Forget, GiveUp, StartAgain, decide
from dspash.supervision.exit_reason import (
    Exited,
    ExitReason,
    Hung,
    Overran,
    ProtocolBroken,
    ReapedElsewhere,
    RecycleCause,
    Recycled,
    Signalled,
    StartFailed,
    StoppedByOwner,
    ZygoteLost,
    exit_from_returncode,
    exit_from_wait_status,
)
from dspash.supervision.history import RestartHistory, RestartRecord
from dspash.supervision.intensity import Intensity
from dspash.supervision.liveness import (
    Alive,
    Busy,
    LivenessLimits,
    Phase,
    ProcessState,
    Verdict,
    Vitals,
    judge,
)
from dspash.supervision.python_stack import find_python_stack
from dspash.supervision.recycling import RecyclingLimits, WorkerUse, recycle
from dspash.supervision.report import CrashReport
from dspash.supervision.strategy import RestartPlan, Strategy, plan_restart, stop_order

__all__ = [
    "Alive",
    "Backoff",
    "Busy",
    "ChildSpec",
    "CrashReport",
    "Death",
    "Decision",
    "ExitReason",
    "Exited",
    "Forget",
    "GiveUp",
    "Hung",
    "Intensity",
    "LivenessLimits",
    "Overran",
    "Phase",
    "ProcessState",
    "ProtocolBroken",
    "ReapedElsewhere",
    "RecycleCause",
    "Recycled",
    "RecyclingLimits",
    "Restart",
    "RestartHistory",
    "RestartPlan",
    "RestartRecord",
    "Signalled",
    "StartAgain",
    "StartFailed",
    "StoppedByOwner",
    "Strategy",
    "Verdict",
    "Vitals",
    "WorkerUse",
    "ZygoteLost",
    "decide",
    "exit_from_returncode",
    "exit_from_wait_status",
    "find_python_stack",
    "judge",
    "plan_restart",
    "recycle",
    "stop_order",
]
