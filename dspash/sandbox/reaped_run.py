"""Reaped run: one command below a reaper, from its start to its end, within a bound."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

__all__ = ["run_reaped"]


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
