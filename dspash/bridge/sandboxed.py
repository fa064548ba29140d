"""Sandboxed: how one call is to be served in a sandbox."""

from __future__ import annotations

from dataclasses import dataclass

from dspash.bridge.definitions import Definitions
from dspash.bridge.grants import Grants
from dspash.bridge.sandbox_session import SandboxSession
from dspash.bridge.worker_kind import WorkerKind
from dspash.sandbox.limits import Limits

__all__ = ["Sandboxed"]


@dataclass(frozen=True, slots=True)
class Sandboxed:
    """Where it runs, what it may use, what its worker is told before it, and what it may ask for.

    Without a `session` its worker is its own, and ends with it.
    """

    kind: WorkerKind
    limits: Limits
    definitions: Definitions
    grants: Grants
    session: SandboxSession | None = None
