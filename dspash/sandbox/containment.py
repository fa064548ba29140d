"""Containment: what makes a worker's descendants die with it, and everything die with the host."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dspash.sandbox.reaping import reaped, run_reaped

__all__ = ["Containment", "ContainmentKind", "find_containment"]

PROBE_TIMEOUT_S: Final = 10.0
_WORD: Final = "contained"


class ContainmentKind(StrEnum):
    """How descendants are held together."""

    PID_NAMESPACE = "pid_namespace"
    """bubblewrap: the kernel kills every descendant, whatever it did."""
    PROCESS_GROUP = "process_group"
    """A session of its own, a parent-death signal, and a search for marked processes once the worker is dead. What a
    daemonised child of a worker escapes is a SIGKILL of the host itself: nobody is left to search."""


@dataclass(frozen=True, slots=True)
class Containment:
    """The kind, what to put before the worker's command, and why it is not the stronger kind.

    A command that starts with bubblewrap is to be started below a reaper.
    """

    kind: ContainmentKind
    command: tuple[str, ...] = ()
    reason: str = ""

    @property
    def wraps(self) -> bool:
        """Whether the process we start is a wrapper around the worker."""
        return bool(self.command)

    def describe(self) -> str:
        """The kind, with the reason where it is the weaker one."""
        return f"{self.kind} ({self.reason})" if self.reason else str(self.kind)


def find_containment() -> Containment:
    """The strongest kind this machine allows, found by really running it. Takes some 10 ms, once a process."""
    if not sys.platform.startswith("linux"):
        return Containment(ContainmentKind.PROCESS_GROUP, reason="PID namespaces are Linux's")
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return Containment(ContainmentKind.PROCESS_GROUP, reason="bubblewrap (bwrap) is not installed")
    problem = ""
    for proc in (("--proc", "/proc"), ()):  # some containers mask /proc, where a fresh one cannot be mounted
        command = (bwrap, "--unshare-pid", "--die-with-parent", "--dev-bind", "/", "/", *proc)
        try:
            problem = _problem_with(command)
        except (OSError, subprocess.TimeoutExpired) as error:
            problem = str(error)  # of this moment, and not remembered
        if not problem:
            return Containment(ContainmentKind.PID_NAMESPACE, command)
    return Containment(ContainmentKind.PROCESS_GROUP, reason=f"bubblewrap does not run here: {problem}")


@functools.cache
def _problem_with(command: tuple[str, ...]) -> str:
    """What bubblewrap says against `command`; nothing when it ran. Raises OSError, subprocess.TimeoutExpired."""
    contained = [*command, "--", sys.executable, "-I", "-S", "-c", f"print({_WORD!r})"]
    done = run_reaped(reaped(contained), timeout_s=PROBE_TIMEOUT_S)
    if _WORD in done.stdout.decode(errors="replace"):  # its exit status may have gone to somebody else
        return ""
    return done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
