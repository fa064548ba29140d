"""Errors: the one tree of everything dspash raises.

Two families, by whose situation it is: a BridgeError says what became of the call or its worker, a
WorkerFaultError is what the worker itself answered. Each class ends with the caller's move: fix, wait, retry,
or report.
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
from dspash.errors.worker_fault import (
    InternalWorkerError,
    InvalidInputError,
    InvalidRequestError,
    LMCallError,
    NotFoundError,
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
    "DspashError",
    "ExitLike",
    "FrameTooLargeError",
    "InternalWorkerError",
    "InvalidInputError",
    "InvalidRequestError",
    "LMCallError",
    "LimitExceededError",
    "NotFoundError",
    "OverloadedError",
    "ProgramError",
    "ProtocolError",
    "ReentrancyError",
    "ReportLike",
    "SandboxUnavailableError",
    "SupervisorGaveUpError",
    "ToolCallError",
    "UnavailableError",
    "UnknownCommandError",
    "UnserialisableError",
    "WorkerFaultError",
    "WorkerLostError",
]
