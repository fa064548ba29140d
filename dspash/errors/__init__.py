"""Errors: the one tree of everything dspash raises.

Families by whose situation it is: a BridgeError says what became of the call or its worker, a WorkerFaultError is what
the worker itself answered, a ResourceError what stands against an action, a StoreError what is wrong with the database.
Each class ends with the caller's move: fix, wait, retry, or report.
"""

from __future__ import annotations

from dspash.errors.bridge import (
    BridgeError,
    CallCancelledError,
    CallTimeoutError,
    ClosedError,
    ExitLike,
    FrameTooLargeError,
    LimitExceededError,
    OverloadedError,
    ProtocolError,
    ReentrancyError,
    ReportLike,
    SupervisorGaveUpError,
    WorkerLostError,
)
from dspash.errors.configuration import ConfigurationError, SandboxUnavailableError
from dspash.errors.dspash_error import DspashError
from dspash.errors.interpreter import CodeExecutionError, CodeInterpreterError
from dspash.errors.resource import ConflictError, ForbiddenError, ResourceError, TransitionError
from dspash.errors.store import StoreBusyError, StoreError, StoreVersionError
from dspash.errors.worker_fault import (
    InternalWorkerError,
    InvalidInputError,
    InvalidRequestError,
    LMCallError,
    NotFoundError,
    Problem,
    ProgramError,
    ToolCallError,
    UnavailableError,
    UnknownCommandError,
    UnserialisableError,
    WorkerFaultError,
)

__all__ = [
    "BridgeError",
    "CallCancelledError",
    "CallTimeoutError",
    "ClosedError",
    "CodeExecutionError",
    "CodeInterpreterError",
    "ConfigurationError",
    "ConflictError",
    "DspashError",
    "ExitLike",
    "ForbiddenError",
    "FrameTooLargeError",
    "InternalWorkerError",
    "InvalidInputError",
    "InvalidRequestError",
    "LMCallError",
    "LimitExceededError",
    "NotFoundError",
    "OverloadedError",
    "Problem",
    "ProgramError",
    "ProtocolError",
    "ReentrancyError",
    "ReportLike",
    "ResourceError",
    "SandboxUnavailableError",
    "StoreBusyError",
    "StoreError",
    "StoreVersionError",
    "SupervisorGaveUpError",
    "ToolCallError",
    "TransitionError",
    "UnavailableError",
    "UnknownCommandError",
    "UnserialisableError",
    "WorkerFaultError",
    "WorkerLostError",
]
