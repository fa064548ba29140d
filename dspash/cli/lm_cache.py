"""Lm cache: `dspash lm cache`, the answers that are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dspash.cli.command import Answer, command

if TYPE_CHECKING:
    from rich.console import Console

    from dspash.cli.session import Session
    from dspash.resources.cache_entry import CacheEntry
    from dspash.resources.kernel import Collection

__all__ = ["CACHE_COMMANDS", "clear", "list_", "prune", "stats"]

_COLUMNS: Final = ("id", "created_at", "expires_at", "provider", "model", "size", "key")


@command
def stats() -> Answer:
    """Show how many answers are kept, and how large they are, by model."""
    from dspash.cli.session import opened

    with opened() as session:
        found: dict[str, Any] = _entries(session).stats()
    return Answer(value=found, show=lambda console: _show_stats(console, found))


@command
def list_(
    *,
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, max=1000, help="How many of the newest.")
    ] = 20,
    model: Annotated[str, typer.Option("--model", help="Only those of this model.")] = "",
) -> Answer:
    """List the newest answers that are kept."""
    from dspash.cli.record_view import json_of
    from dspash.cli.session import opened

    chosen = {"model": model} if model else {}
    with opened() as session:
        page = _entries(session).list(filter=chosen, sort="-created_at", limit=count, select=_COLUMNS)
    rows: list[dict[str, Any]] = [json_of(each) for each in page.items]
    return Answer(value=rows, show=lambda console: _show_list(console, rows))


@command
def prune(
    *,
    max_entries: Annotated[
        int | None, typer.Option("--max-entries", min=0, help="Keep no more than the newest so many.")
    ] = None,
) -> Answer:
    """Remove answers that have expired, or were replaced by newer ones."""
    from dspash.cli.session import opened

    with opened() as session:
        return _removed(_entries(session).prune(max_entries=max_entries))


@command
def clear(*, model: Annotated[str, typer.Option("--model", help="Only those of this model.")] = "") -> Answer:
    """Remove all answers: models are asked anew. Apps that are running go on with what they have in memory."""
    from dspash.cli.session import opened

    with opened() as session:
        return _removed(_entries(session).clear(model=model or None))


CACHE_COMMANDS: Final[Mapping[str, Callable[..., Any]]] = {
    "stats": stats,
    "list": list_,
    "prune": prune,
    "clear": clear,
}


def _entries(session: Session) -> Collection[CacheEntry]:
    from dspash.resources.cache_entry import CacheEntry

    return session.scene.of(CacheEntry)


def _removed(told: Mapping[str, int]) -> Answer:
    return Answer(value=told, show=f"{told['removed']} answers removed")


def _show_stats(console: Console, found: Mapping[str, Any]) -> None:
    from dspash.cli.table import print_table

    rows = [
        [
            f"{each['provider']}/{each['model']}",
            str(each["entries"]),
            str(each["expired"]),
            f"{each['characters'] / 1e6:.3f}",
        ]
        for each in found["models"]
    ]
    total = ["all", str(found["entries"]), str(found["expired"]), f"{found['characters'] / 1e6:.3f}"]
    print_table(console, ["model", "answers", "expired", "MB"], [*rows, total])


def _show_list(console: Console, rows: list[dict[str, Any]]) -> None:
    from dspash.cli.table import print_table

    if not rows:
        console.print("no answers are kept")
        return
    print_table(
        console,
        _COLUMNS,
        [["-" if row[name] is None else str(row[name]) for name in _COLUMNS] for row in rows],
    )
