"""Reaping: commands below a reaper, of which nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from dspash.sandbox import reaper

__all__ = ["reaped", "run_reaped"]


def reaped(command: Sequence[str]) -> list[str]:
    """The same command below a reaper that ends with this process. Start it from a thread that lives as long."""
    return [sys.executable, "-I", "-S", "-B", reaper.__file__, str(os.getpid()), *command]


def run_reaped(
    command: Sequence[str],
    *,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
    cwd: str | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.CompletedProcess[bytes]:
    """Run `command`, whose first word is a reaper's; return what it said and its exit status, whatever that is.

    Nothing of it is left when this raises. Raises OSError, subprocess.TimeoutExpired.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=cwd,
        pass_fds=pass_fds,
    ) as process:
        try:
            output, errors = process.communicate(timeout=timeout_s)
        finally:
            process.terminate()  # an order to the reaper, where subprocess.run would SIGKILL it; nothing once it is over
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)
