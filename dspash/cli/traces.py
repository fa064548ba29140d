"""Traces: `dspash traces show` and `dspash traces tail`, beside the commands that every resource has."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer

from dspash.cli.command import Answer, command, print_json
from dspash.cli.invocation import current
from dspash.errors import NotFoundError

if TYPE_CHECKING:
    from dspash.cli.session import Session
    from dspash.resources.trace import Trace

__all__ = ["COMMANDS", "follow", "show", "tail"]

LOOK_S: Final = 0.5
"""How often a tail looks for more."""

LATE: Final = timedelta(seconds=10)
"""Executions of other processes may appear so much later than others that ended after them."""

_SUMMARY: Final = (
    "id",
    "created_at",
    "kind",
    "name",
    "status",
    "duration_s",
    "lm_calls",
    "lm_tokens",
    "tool_calls",
    "inputs",
    "error",
)


@command
def show(
    *,
    trace: Annotated[
        str, typer.Argument(metavar="[TRACE]", help="Its id; without it, the last execution there is.")
    ] = "",
    full: Annotated[bool, typer.Option("--full", help="Show prompts, responses and values whole.")] = False,
) -> Answer:
    """Show an execution as a tree.

    What ran inside it, how long that took, what went in and what came out.
    """
    from dspash.cli.session import opened
    from dspash.cli.trace_tree import trace_tree

    with opened() as session:
        found = _find(session, trace)
    return Answer(
        value={"id": str(found.id), **found.root().to_map()},
        show=lambda console: console.print(trace_tree(found, full=full)),
    )


@command
def tail(
    *,
    count: Annotated[int, typer.Option("--count", "-n", min=0, max=1000, help="How many of the last.")] = 10,
    name: Annotated[str, typer.Option("--name", help="Only those of this program or module.")] = "",
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    following: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new ones, until Ctrl-C.")
    ] = False,
) -> Answer:
    """Print the last executions, a line each."""
    from dspash.cli.session import opened

    chosen: dict[str, Any] = {"name": name} if name else {}
    if failed:
        chosen["status"] = "failed"
    with opened() as session:
        try:
            for found in follow(session, chosen, count, wait=_wait if following else _no_more):
                _tell(found)
        except KeyboardInterrupt:
            pass  # that is how one ends it
    return Answer()


def follow(
    session: Session, chosen: dict[str, Any], count: int, *, wait: Callable[[], bool]
) -> Iterator[Trace]:
    """The last `count` executions that `chosen`, a filter, admits, oldest first; then new ones for as long as `wait` says.

    Each comes once, also where several processes write.
    """
    from dspash.resources.trace import Trace

    traces = session.scene.of(Trace)
    since = session.scene.now()
    seen: dict[UUID, datetime] = {}
    newest = traces.list(filter=chosen, sort="-created_at", limit=count).items if count else ()
    for found in reversed(newest):
        seen[found.id] = found.created_at
        yield found
    before = since  # what ended before this tail began, and is not among the last, is not new
    while wait():
        oldest = max(since - LATE, before)
        seen = {key: ended_at for key, ended_at in seen.items() if ended_at >= oldest}
        for found in traces.iterate(filter={**chosen, "created_at": {"gte": oldest.isoformat()}}):
            if found.id not in seen:
                seen[found.id] = found.created_at
                since = max(since, found.created_at)
                yield found


COMMANDS: Final = (show, tail)


def _find(session: Session, key: str) -> Trace:
    from dspash.resources.trace import Trace

    traces = session.scene.of(Trace)
    if key:
        return traces.get(key)
    newest = traces.list(sort="-created_at", limit=1).items
    if not newest:
        way_out = "run something first: see `dspash run --help`"
        raise NotFoundError("nothing was executed yet", details={"way_out": way_out})
    return newest[0]


def _tell(trace: Trace) -> None:
    from rich.console import Console

    from dspash.cli.record_view import json_of
    from dspash.cli.trace_tree import headline

    if current().as_json:
        print_json(json_of({name: getattr(trace, name) for name in _SUMMARY}))
    else:
        Console(highlight=False, soft_wrap=True).print(headline(trace))


def _wait() -> bool:
    time.sleep(LOOK_S)
    return True


def _no_more() -> bool:
    return False
