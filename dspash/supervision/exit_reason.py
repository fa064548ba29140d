"""ExitReason: why a worker's process ended, as one value of a closed union."""

from __future__ import annotations

import os
import signal as signals
from collections.abc import Collection
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import ClassVar, Final, TypeAlias

__all__ = [
    "ExitReason",
    "Exited",
    "Hung",
    "Overran",
    "ProtocolBroken",
    "ReapedElsewhere",
    "RecycleCause",
    "Recycled",
    "Signalled",
    "StartFailed",
    "StoppedByOwner",
    "ZygoteLost",
    "exit_from_returncode",
    "exit_from_wait_status",
]

_HINTS: Final[dict[int, str]] = {
    signals.SIGSEGV: "native code crashed",
    signals.SIGBUS: "native code crashed, or a mapped file shrank",
    signals.SIGILL: "native code was built for another CPU",
    signals.SIGFPE: "native code crashed in arithmetic",
    signals.SIGABRT: "native code or the interpreter aborted",
    signals.SIGSYS: "it made a system call that its sandbox forbids",
    signals.SIGXCPU: "it used up its CPU time limit",
    signals.SIGXFSZ: "it wrote past its file size limit",
}
"""What each signal usually means for a Python worker (signal(7)); SIGKILL is judged by who sent it."""

_WRAPPER_OFFSET: Final = 128
"""A wrapper such as bubblewrap, or a shell, exits with 128 + n when what it wraps was ended by signal n."""

_LAST_SIGNAL: Final = 64


@dataclass(frozen=True, slots=True)
class Exited:
    """The process ended by itself with `code`, 0 to 255."""

    code: int

    @property
    def is_normal(self) -> bool:
        """Only status 0 is normal."""
        return self.code == 0

    def describe(self) -> str:
        """A verb phrase whose subject is the worker."""
        return f"exited with status {self.code}"


@dataclass(frozen=True, slots=True)
class Signalled:
    """A signal ended the process; `sent_by_us` when we sent one of that number before."""

    signal: int
    _: KW_ONLY
    sent_by_us: bool = False

    @property
    def is_normal(self) -> bool:
        """Never: a stop that was asked for is a StoppedByOwner, however the process took it."""
        return False

    @property
    def name(self) -> str:
        """`SIGSEGV`, or `signal 40` for one without a name."""
        try:
            return signals.Signals(self.signal).name
        except ValueError:
            return f"signal {self.signal}"

    @property
    def may_be_out_of_memory(self) -> bool:
        """Whether it is what the kernel does when memory runs out: a SIGKILL that we did not send."""
        return self.signal == signals.SIGKILL and not self.sent_by_us

    @property
    def hint(self) -> str:
        """What probably lies behind it; empty when the signal alone does not say."""
        if self.sent_by_us:
            return "sent by dspash"
        if self.may_be_out_of_memory:
            return "not sent by dspash: probably out of memory"
        return _HINTS.get(self.signal, "")

    def describe(self) -> str:
        """A verb phrase whose subject is the worker, with the hint."""
        return f"was killed by {self.name}" + (f" ({self.hint})" if self.hint else "")


@dataclass(frozen=True, slots=True)
class ReapedElsewhere:
    """It ended, and nobody can tell how: the host ignores SIGCHLD, or waited for any child and took the status."""

    is_normal: ClassVar[bool] = False

    def describe(self) -> str:
        """A verb phrase whose subject is the worker."""
        return "ended, how is unknown (other code of the host took its exit status)"


@dataclass(frozen=True, slots=True)
class ProtocolBroken:
    """Its frames could not be told apart any more, or ended in the middle of one. We killed it."""

    is_normal: ClassVar[bool] = False
    detail: str

    def describe(self) -> str:
        """A verb phrase whose subject is the worker."""
        return f"broke the protocol: {self.detail}"


@dataclass(frozen=True, slots=True)
class StartFailed:
    """It never became ready: it could not be spawned, refused the handshake, or took too long."""

    is_normal: ClassVar[bool] = False
    detail: str

    def describe(self) -> str:
        """A verb phrase whose subject is the worker."""
        return f"did not start: {self.detail}"


@dataclass(frozen=True, slots=True)
class Hung:
    """It was alive but silent for `silent_s` seconds, and doing nothing. We killed it."""

    is_normal: ClassVar[bool] = False
    silent_s: float

    def describe(self) -> str:
        """A verb phrase whose subject is the worker."""
        return f"hung: no sign of life for {self.silent_s:.1f} s"


@dataclass(frozen=True, slots=True)
class Overran:
    """It went on with `request` for `grace_s` seconds after the call's timeout or cancel. We killed it."""

    is_normal: ClassVar[bool] = False
    request: str
    grace_s: float

    def describe(self) -> str:
        """A verb phrase whose subject is the worker."""
        return (
            f"was killed because {self.request!r} went on for {self.grace_s:g} s after its end was asked for"
        )


class RecycleCause(StrEnum):
    """Which rule a worker was recycled by."""

    CALLS = "calls"
    AGE = "age"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Recycled:
    """It was drained and replaced on purpose, by the rule `cause`; `detail` has the numbers."""

    is_normal: ClassVar[bool] = True
    cause: RecycleCause
    detail: str = ""

    def describe(self) -> str:
        """A verb phrase whose subject is the worker."""
        return f"was recycled ({self.detail or self.cause})"


@dataclass(frozen=True, slots=True)
class StoppedByOwner:
    """Its owner stopped it, by asking or by force; it is not to come back."""

    is_normal: ClassVar[bool] = True

    def describe(self) -> str:
        """A verb phrase whose subject is the worker."""
        return "was stopped by its owner"


@dataclass(frozen=True, slots=True)
class ZygoteLost:
    """The zygote that it was forked from has ended, and it with that one, or before it was born."""

    is_normal: ClassVar[bool] = False
    detail: str

    def describe(self) -> str:
        """A verb phrase whose subject is the worker."""
        return f"ended with the zygote it was forked from, which {self.detail}"


ExitReason: TypeAlias = (
    Exited
    | Signalled
    | ReapedElsewhere
    | ProtocolBroken
    | StartFailed
    | Hung
    | Overran
    | Recycled
    | StoppedByOwner
    | ZygoteLost
)
"""Why a worker ended. The first three are what the system reports, or fails to; all others outrank them."""


def exit_from_wait_status(status: int, *, wrapped: bool, sent: Collection[int]) -> Exited | Signalled:
    """Read `status` as os.waitpid gives it; the rest is as for exit_from_returncode.

    Raises ValueError for the status of a process that was only stopped.
    """
    return exit_from_returncode(os.waitstatus_to_exitcode(status), wrapped=wrapped, sent=sent)


def exit_from_returncode(code: int, *, wrapped: bool, sent: Collection[int]) -> Exited | Signalled:
    """Read `code` as subprocess gives it: a negative one is a signal.

    `wrapped`: the process is a wrapper (bubblewrap) around the worker, so 128 + n stands for signal n.
    Without a wrapper the same code is taken at its word. `sent` holds the signals that we have sent to the
    process.
    """
    offset = _WRAPPER_OFFSET if wrapped and code > _WRAPPER_OFFSET else 0
    number = code - offset if offset else -code
    if 0 < number <= _LAST_SIGNAL:
        return Signalled(number, sent_by_us=number in sent)
    return Exited(code)
