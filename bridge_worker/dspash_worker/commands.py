"""Commands: the handlers of what a host may ask of the domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from dspash_protocol import Command
from dspash_worker.call import Call
from dspash_worker.configuring import configure
from dspash_worker.evaluation import evaluate
from dspash_worker.inspecting import inspect_history, list_definitions, stats
from dspash_worker.judging import score
from dspash_worker.modules import create_module
from dspash_worker.optimization import optimize
from dspash_worker.programs import create_program
from dspash_worker.running import execute, forward
from dspash_worker.state import dump_state, load_state
from dspash_worker.workbench import Workbench, id_of

__all__ = ["HANDLERS", "Workbench"]


def _delete(workbench: Workbench, call: Call) -> dict[str, Any]:
    """Answer `delete {id}`. Calls that run meanwhile end as they began."""
    name = id_of(call.args, "id")
    with workbench.defining(call) as promise:
        workbench.earlier(call, promise, name)
        workbench.keep(call, promise, None)
    return {"id": name}


HANDLERS: Final[Mapping[Command, Callable[[Workbench, Call], Any]]] = {
    Command.CONFIGURE: configure,
    Command.CREATE_MODULE: create_module,
    Command.CREATE_PROGRAM: create_program,
    Command.FORWARD: forward,
    Command.EXECUTE: execute,
    Command.OPTIMIZE: optimize,
    Command.EVALUATE: evaluate,
    Command.SCORE: score,
    Command.DUMP_STATE: dump_state,
    Command.LOAD_STATE: load_state,
    Command.DELETE: _delete,
    Command.LIST: list_definitions,
    Command.STATS: stats,
    Command.INSPECT_HISTORY: inspect_history,
}
"""All but hello, ping and shutdown, which the shell answers. A handler returns a wire value or raises."""
