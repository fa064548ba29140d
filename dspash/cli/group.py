"""Group: `dspash` itself, with its commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from dspash.cli.batch import BATCH_COMMANDS
from dspash.cli.config import config
from dspash.cli.db import DB_COMMANDS
from dspash.cli.demo import demo
from dspash.cli.doctor import doctor
from dspash.cli.evaluation import evaluate
from dspash.cli.exit_status import ExitStatus
from dspash.cli.grouping import grouped
from dspash.cli.init import init
from dspash.cli.invocation import current
from dspash.cli.lm import LM_COMMANDS
from dspash.cli.lm_cache import CACHE_COMMANDS
from dspash.cli.lm_providers import PROVIDER_COMMANDS
from dspash.cli.optimization import optimize
from dspash.cli.resource_group import ALIASES, ResourceGroup, read_index
from dspash.cli.resources import resources
from dspash.cli.run import run
from dspash.cli.status import status
from dspash.cli.version import version

__all__ = ["dspash"]

COMMANDS: Final[Mapping[str, Callable[..., Any]]] = {
    "init": init,
    "run": run,
    "eval": evaluate,
    "optimize": optimize,
    "status": status,
    "config": config,
    "doctor": doctor,
    "demo": demo,
    "resources": resources,
    "version": version,
}


def dspash() -> TyperGroup:
    """Make the group with all commands; nothing that a command needs is loaded before it runs."""
    statuses = ", ".join(f"{one.value} {one.name.lower().replace('_', ' ')}" for one in ExitStatus)
    group = grouped(
        COMMANDS,
        name="dspash",
        help="Run DSPy programs in supervised worker processes, and keep what they are and do.",
        epilog=f"Exit status: {statuses}.",
        callback=_dspash,
        add_completion=True,
    )
    group.add_command(grouped(BATCH_COMMANDS, name="batch", help="Plan many optimisations by one file."))
    group.add_command(grouped(DB_COMMANDS, name="db", help="Look after the database."))
    group.add_command(_language_models())
    entries = {entry.command: entry for entry in read_index()}
    for entry in entries.values():
        group.add_command(ResourceGroup(entry))
    for alias, command in ALIASES.items():
        group.add_command(ResourceGroup(entries[command], hidden=True), alias)
    return group


def _language_models() -> TyperGroup:
    commands = {**PROVIDER_COMMANDS, **LM_COMMANDS}
    group = grouped(commands, name="lm", help="Look after language models: providers, usage, cache, budgets.")
    group.add_command(grouped(CACHE_COMMANDS, name="cache", help="Look after the answers that are kept."))
    return group


def _dspash(
    context: typer.Context,
    *,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version, and end.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="On errors, show tracebacks and what the worker said.")
    ] = False,
) -> None:
    current().debug |= debug
    if show_version:
        from importlib import metadata  # takes a tenth of the time that help takes

        typer.echo(f"dspash {metadata.version('dspash')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
