"""Inspecting: what a worker has and has done, for whoever looks after it."""

from __future__ import annotations

from typing import Any, Final

from dspash_worker.call import Call
from dspash_worker.definitions import Kind
from dspash_worker.history import MAX_ENTRIES
from dspash_worker.refusal import pick
from dspash_worker.workbench import Workbench, id_of

__all__ = ["inspect_history", "list_definitions", "stats"]

_SHOWN: Final = 1  # what DSPy's own inspect_history shows unless told otherwise


def list_definitions(workbench: Workbench, _call: Call) -> dict[str, Any]:
    """Answer `list` with what is defined: `{modules: [{id, type, signature …}], programs: [{id, type, modules …}]}`."""
    found = workbench.definitions()
    return {f"{kind}s": [each.to_map() for each in found if each.kind is kind] for kind in Kind}


def stats(workbench: Workbench, call: Call) -> dict[str, Any]:
    """Answer `stats {id?}` with how often each module and program ran, how often it succeeded, and how long it took."""
    if "id" in call.args:
        return workbench.definition(call, id_of(call.args, "id")).tally.to_map()
    found = workbench.definitions()
    return {
        f"{kind}s": {each.id: each.tally.to_map() for each in found if each.kind is kind} for kind in Kind
    }


def inspect_history(workbench: Workbench, call: Call) -> dict[str, Any]:
    """Answer `inspect_history {n?}` with the last LM calls, oldest first: messages, outputs, usage, never a secret."""
    count = pick(call.args, "n", int, "a number of entries", default=_SHOWN)
    return {"history": workbench.history.last(min(max(count, 0), MAX_ENTRIES))}
