"""Births: where sandboxed workers come from, as those who need one see it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from dspash.bridge.environment import worker_environment
from dspash.bridge.launch import LaunchSpec, launch
from dspash.bridge.process import Process
from dspash.sandbox import find_containment
from dspash.sandbox.spec import ZygoteSpec
from dspash_protocol.confinement_plan import ConfinementPlan

if TYPE_CHECKING:
    from dspash.bridge.forked import ForkedProcess

__all__ = ["Births", "OnBorn", "OnFailed", "PlainBirths"]

OnBorn: TypeAlias = Callable[["Process | ForkedProcess", socket.socket], None]
OnFailed: TypeAlias = Callable[[Exception], None]


class Births(Protocol):
    """Makes processes that will be workers."""

    def spawn(self, spec: ZygoteSpec, plan: ConfinementPlan, on_born: OnBorn, on_failed: OnFailed, /) -> None:
        """Make one, and tell one of the two, once. On the mailbox's thread.

        The process, and our end of its channel, belong to whoever `on_born` tells. Nothing is left of one that failed.
        """
        ...


class PlainBirths:
    """Starts an interpreter for each: about a second, and nothing of the plan is applied. For workers that are trusted."""

    def __repr__(self) -> str:
        return "<PlainBirths>"

    def spawn(self, spec: ZygoteSpec, plan: ConfinementPlan, on_born: OnBorn, on_failed: OnFailed, /) -> None:
        """Start one; see Births."""
        if spec.tier.is_sandbox:
            on_failed(OSError(f"an interpreter started by itself is no {spec.tier} sandbox"))
            return
        options = plan.options
        arguments = ("--concurrency", str(options.concurrency), "--max-frame", str(options.max_frame))
        environment = worker_environment(dict(spec.environment), python_path=spec.python_path)
        try:
            process, sock = launch(
                LaunchSpec(spec.python, arguments, environment, find_containment(), spec.cwd)
            )
        except OSError as error:
            on_failed(error)
        else:
            with contextlib.suppress(OSError):  # it has ended, as will be heard
                sock.sendall(b"".join(options.opening))
            on_born(process, sock)
