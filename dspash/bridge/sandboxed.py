"""Sandboxed: how one call is to be served in a sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dspash.bridge.definitions import Definitions
from dspash.bridge.grants import Grants
from dspash.bridge.sandbox_session import SandboxSession
from dspash.bridge.worker_kind import WorkerKind
from dspash.sandbox.limits import Limits

if TYPE_CHECKING:
    from dspash.bridge.call import Call

__all__ = ["Sandboxed", "order_of"]


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


def order_of(call: Call) -> Sandboxed:
    """How this call, which is for a sandbox, is to be served."""
    order = call.options.sandbox
    if order is None:
        raise TypeError(f"{call!r} names no sandbox")
    return order
