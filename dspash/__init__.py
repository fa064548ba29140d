"""dspash runs DSPy programs in supervised worker processes.

    import dspash
    with dspash.open(workers=2) as app:
        qa = app.module("chain_of_thought", "question -> answer")
        print(qa(question="…").answer)

Importing it is quick and loads no part that is not used yet. It logs through loguru, and is silent until the host app
calls `logger.enable("dspash")`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from loguru import logger

if TYPE_CHECKING:
    from dspash.app import (
        App,
        Evaluation,
        ExampleResult,
        Metric,
        Module,
        Prediction,
        Program,
        Runnable,
        SandboxWords,
        StatusMessage,
        Stream,
        Token,
        aopen,
        open,  # noqa: A004 - dspash.open, like gzip.open
    )
    from dspash.bridge import BridgeStatus, SandboxStatus, WorkerStatus
    from dspash.errors import (
        BridgeError,
        CallCancelledError,
        CallTimeoutError,
        ClosedError,
        CodeExecutionError,
        CodeInterpreterError,
        ConfigurationError,
        ConflictError,
        DspashError,
        ForbiddenError,
        FrameTooLargeError,
        InternalWorkerError,
        InvalidInputError,
        InvalidRequestError,
        LimitExceededError,
        LMCallError,
        NotFoundError,
        OverloadedError,
        Problem,
        ProgramError,
        ProtocolError,
        ReentrancyError,
        ResourceError,
        SandboxUnavailableError,
        StoreBusyError,
        StoreError,
        StoreVersionError,
        SupervisorGaveUpError,
        ToolCallError,
        TransitionError,
        UnavailableError,
        UnknownCommandError,
        UnserialisableError,
        WorkerFaultError,
        WorkerLostError,
    )
    from dspash.interpreter import FinalOutput, Interpreter
    from dspash.sandbox import Limits
    from dspash.signatures import Input, Output, Signature
    from dspash.usage import Isolation, Usage
    from dspash_protocol import Progress

__all__ = [
    "App",
    "BridgeError",
    "BridgeStatus",
    "CallCancelledError",
    "CallTimeoutError",
    "ClosedError",
    "CodeExecutionError",
    "CodeInterpreterError",
    "ConfigurationError",
    "ConflictError",
    "DspashError",
    "Evaluation",
    "ExampleResult",
    "FinalOutput",
    "ForbiddenError",
    "FrameTooLargeError",
    "Input",
    "InternalWorkerError",
    "Interpreter",
    "InvalidInputError",
    "InvalidRequestError",
    "Isolation",
    "LMCallError",
    "LimitExceededError",
    "Limits",
    "Metric",
    "Module",
    "NotFoundError",
    "Output",
    "OverloadedError",
    "Prediction",
    "Problem",
    "Program",
    "ProgramError",
    "Progress",
    "ProtocolError",
    "ReentrancyError",
    "ResourceError",
    "Runnable",
    "SandboxStatus",
    "SandboxUnavailableError",
    "SandboxWords",
    "Signature",
    "StatusMessage",
    "StoreBusyError",
    "StoreError",
    "StoreVersionError",
    "Stream",
    "SupervisorGaveUpError",
    "Token",
    "ToolCallError",
    "TransitionError",
    "UnavailableError",
    "UnknownCommandError",
    "UnserialisableError",
    "Usage",
    "WorkerFaultError",
    "WorkerLostError",
    "WorkerStatus",
    "aopen",
    "open",
]

_HOMES: Final = {
    "dspash.app": (
        "App Evaluation ExampleResult Metric Module Prediction Program Runnable SandboxWords StatusMessage Stream Token aopen open".split()
    ),
    "dspash.bridge": ["BridgeStatus", "SandboxStatus", "WorkerStatus"],
    "dspash.interpreter": ["FinalOutput", "Interpreter"],
    "dspash.usage": ["Isolation", "Usage"],
    "dspash.sandbox": ["Limits"],
    "dspash.signatures": ["Input", "Output", "Signature"],
    "dspash_protocol": ["Progress"],
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

__version__: Final = "0.1.0"

logger.disable("dspash")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'dspash' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF.get(name, "dspash.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
