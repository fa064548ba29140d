"""Status: `dspash status`, the project at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dspash.cli.command import Answer, command
from dspash.cli.invocation import current

if TYPE_CHECKING:
    from rich.console import Console

    from dspash.cli.domain import ResourceForm
    from dspash.cli.session import Session
    from dspash.store import Store

__all__ = ["status"]


@command
def status() -> Answer:
    """Show what is used here, and what there is.

    The settings file, the database, and how many records of each kind it has, by their states.
    """
    from dspash.cli.domain import read_domain
    from dspash.cli.session import opened
    from dspash.resources import DOMAIN

    loaded = current().settings()
    with opened() as session:
        records = {name: _counts(session, form) for name, form in read_domain(DOMAIN.describe()).items()}
        value = {
            "settings": None if loaded.file is None else str(loaded.file),
            "database": _database(session.store),
            "tenant": loaded.values.tenant,
            "lm": loaded.values.lm,
            "records": records,
        }
    return Answer(value=value, show=lambda console: _show(console, value))


def _database(store: Store) -> dict[str, Any]:
    return {
        "address": str(store.address),
        "revision": store.status().current,
        "bytes": store.size(),
    }


def _counts(session: Session, form: ResourceForm) -> dict[str, Any]:
    collection = session.collection(form.table)
    counted: dict[str, Any] = {"total": collection.count()}
    if form.state is not None:
        found = {state: collection.count(filter={form.state: state}) for state in form.states}
        counted["states"] = {state: count for state, count in found.items() if count}
    return counted


def _show(console: Console, value: Mapping[str, Any]) -> None:
    from dspash.cli.table import print_table

    database = value["database"]
    size = f"{database['bytes'] / 1e6:.1f} MB"
    console.print(f"settings   {value['settings'] or 'defaults; no dspash.toml here or above'}", markup=False)
    console.print(f"database   {database['address']}, revision {database['revision']}, {size}", markup=False)
    console.print(f"tenant     {value['tenant']}", markup=False)
    console.print(f"lm         {value['lm']}", markup=False)
    console.print()
    rows = [
        (
            name,
            str(one["total"]),
            ", ".join(f"{count} {state}" for state, count in one.get("states", {}).items()),
        )
        for name, one in value["records"].items()
    ]
    print_table(console, ("records", "count", "of these"), rows)
