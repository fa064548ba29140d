"""Domain: what the worker's shell needs from the part that knows DSPy."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from dspash_protocol import Command, Fault
from dspash_worker.call import Call
from dspash_worker.environment import quieten

__all__ = ["Domain", "Workbench", "load_dspy"]


class Workbench(Protocol):
    """State of one worker. The shell makes two promises about how it calls this.

    `reserve` is called in the order in which the requests arrived, for defining commands only, before any later
    request may start. A reserved call that ends with a fault, its handler having run or not, is given to `abandon`.
    """

    def reserve(self, call: Call, /) -> None:
        """Promise what `call` will define. Quick. Raises FaultError when it cannot be promised; `call` then ends."""
        ...

    def abandon(self, call: Call, fault: Fault, /) -> None:
        """Break what `call` promised, unless its handler has settled that: whoever waits for it gets `fault`. Quick."""
        ...


@dataclass(frozen=True, slots=True)
class Domain:
    """The loaded domain: how to open its workbench, serve a command and tell an exception as a fault."""

    open: Callable[[bool], Workbench]  # given whether the session is full; called once, in the owner thread
    handlers: Mapping[
        Command, Callable[[Any, Call], Any]
    ]  # called in a call thread with the workbench and the call
    fault_of: Callable[[BaseException], Fault]


def load_dspy() -> Domain:
    """Import the real domain, DSPy included. Takes about a second."""
    quieten(os.environ)
    from dspash_worker import commands, faults  # importing DSPy is what this function is for

    return Domain(
        open=lambda full: commands.Workbench(full=full), handlers=commands.HANDLERS, fault_of=faults.fault_of
    )
