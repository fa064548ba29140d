"""ExitStatus: how a command ended, as a number for the shell."""

from __future__ import annotations

from enum import IntEnum

from dspash.errors import (
    ConfigurationError,
    DspashError,
    InvalidInputError,
    NotFoundError,
    OverloadedError,
    ResourceError,
    SandboxUnavailableError,
    StoreError,
    SupervisorGaveUpError,
    UnavailableError,
)

__all__ = ["MEANINGS", "ExitStatus", "status_of"]


class ExitStatus(IntEnum):
    """What a script can act on; `MEANINGS` says each in words."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    NOT_FOUND = 3
    REFUSED = 4
    UNAVAILABLE = 5
    INTERRUPTED = 130  # what shells say of a program that Ctrl-C ended


MEANINGS = {
    ExitStatus.DONE: "done",
    ExitStatus.FAILED: "what was run has failed: a program, an example, a check",
    ExitStatus.BAD_INPUT: "an argument, a setting or the data they name does not fit",
    ExitStatus.NOT_FOUND: "there is no record of that name or id",
    ExitStatus.REFUSED: "refused as things stand: a name that is taken, a lost race, a state that does not admit it",
    ExitStatus.UNAVAILABLE: "workers, the sandbox or the database cannot be had now",
    ExitStatus.INTERRUPTED: "interrupted",
}


def status_of(error: DspashError) -> ExitStatus:
    """The status of a command that `error` has ended."""
    from dspash.gateway import UnsupportedModelError

    match error:
        case ConfigurationError() | InvalidInputError() | UnsupportedModelError():
            return ExitStatus.BAD_INPUT
        case NotFoundError():
            return ExitStatus.NOT_FOUND
        case ResourceError():
            return ExitStatus.REFUSED
        case (
            SandboxUnavailableError()
            | SupervisorGaveUpError()
            | UnavailableError()
            | OverloadedError()
            | StoreError()
        ):
            return ExitStatus.UNAVAILABLE
        case _:
            return ExitStatus.FAILED
