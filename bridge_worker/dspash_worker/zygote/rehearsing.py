"""Rehearsing: has a zygote define, run and forget a program, until CPython has specialised the code that this takes.

Specialised code is another code in the same place: what is specialised before a fork is so in all forks, and they need
not copy the pages where it stands.
"""

from __future__ import annotations

import contextvars
import itertools
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from dspash_protocol import DEFINING_COMMANDS, Command, Request
from dspash_worker.call import Call
from dspash_worker.cancellation import Raised
from dspash_worker.domain import Domain, Workbench

__all__ = ["rehearse"]

TIMES: Final = 24
"""CPython looks at what to specialise once a function has run 8 times, and may think again after as many."""

_SOURCE: Final = """
class Rehearsal(dspy.Module):
    def forward(self, question):
        return dspy.Prediction(answer=question)
"""

_SCENES: Final[tuple[tuple[Command, Mapping[str, Any]], ...]] = (
    (Command.CONFIGURE, {}),
    (Command.CREATE_PROGRAM, {"id": "rehearsal", "source": _SOURCE}),
    (
        Command.EXECUTE,
        {"program_id": "rehearsal", "inputs": {"question": "?"}, "detail": True, "trace": True},
    ),
    (Command.DELETE, {"id": "rehearsal"}),
)


def rehearse(domain: Domain, workbench: Workbench) -> None:
    """Serve these commands as a worker does, without a host. Takes some 50 ms, starts no thread, leaves nothing defined.

    Raises what goes wrong: nothing else would go right in the forks.
    """
    numbers = itertools.count(1)
    nobody: Any = None  # neither says nor asks anything
    for _ in range(TIMES):
        for command, args in _SCENES:
            request = Request(next(numbers), str(command), args)
            call = Call(request, command, full=True, channel=nobody, asks=nobody)
            if command in DEFINING_COMMANDS:
                workbench.reserve(call)
            outcome = call.cancellation.run(partial(_serve, domain, workbench, call))
            if isinstance(outcome, Raised):
                raise outcome.error


def _serve(domain: Domain, workbench: Workbench, call: Call) -> Any:
    return contextvars.Context().run(domain.handlers[call.command], workbench, call)
