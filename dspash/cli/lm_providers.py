"""Providers on the command line: which there are, whether they answer, and what models they have."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dspash.cli.command import Answer, command
from dspash.cli.exit_status import ExitStatus
from dspash.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console

    from dspash.gateway.price import Price
    from dspash.gateway.providers.connection import Connection
    from dspash.gateway.providers.directory import ProviderDirectory
    from dspash.gateway.providers.model_table import ModelTable
    from dspash.gateway.providers.roster import Roster
    from dspash.resources.provider import Provider

__all__ = ["PROVIDER_COMMANDS", "models", "new_key", "providers", "try_out"]

_MILLION: Final = 1_000_000
_PROMPT: Final = "Answer with the word: yes"
_Timeout = Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="How long to wait for an answer.")]


@command
def providers() -> Answer:
    """Show the providers that programs can use, and their keys' places.

    Those that are kept, and those whose keys are in the environment. Nothing is sent; no key is shown. With --json, `key_id`
    is the fingerprint that budgets of a key go by.
    """
    from dspash.gateway.providers.environment import no_key_notice

    with _looking() as view:
        rows = [*_kept_rows(view), *_environment_rows(view)]
        aliases = [
            {"alias": name, "model": alias.model} for name, alias in sorted(view.roster.aliases.items())
        ]
        default = view.directory.default_name(view.tenant)
    notice = None if any(row["source"] == "kept" for row in rows) else no_key_notice(os.environ)

    def show(console: Console) -> None:
        from dspash.cli.table import print_table

        shown = [[row[name] or "" for name in ("name", "type", "address", "key", "problem")] for row in rows]
        print_table(console, ["name", "type", "address", "key", "problem"], shown)
        for alias in aliases:
            console.print(f"{alias['alias']} is {alias['model']}", highlight=False, markup=False)
        console.print(f"default: {default}", highlight=False, markup=False)
        if notice:
            console.print(notice, highlight=False, markup=False)

    return Answer(
        value={"providers": rows, "aliases": aliases, "default": default, "notice": notice}, show=show
    )


@command
def try_out(
    *,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A provider, or one of its models, or an alias.")
    ],
    timeout: _Timeout = 20.0,
) -> Answer:
    """See whether a provider, or a model, answers.

    A provider is asked for the list of its models, which costs nothing; a model for a word, which may cost a little.
    Neither is counted in budgets or kept.
    """
    from dspash.gateway import GatewayError
    from dspash.gateway.providers.probing import ask, probe

    with _looking() as view:
        connection = view.roster.connections.get(name)
        if connection is None:
            target = view.directory.resolve(name, view.tenant).targets[0]
            if target.is_local:
                return Answer(
                    value={"name": name, "ok": True, "problem": None},
                    show=f"{name}: computed here, and no LLM",
                )
            connection = view.directory.connection(target)
        else:
            target = None
    try:
        if target is None:
            found = probe(connection, timeout_s=timeout)
            told = f"{len(found.models)} models, in {found.latency_s * 1000:.0f} ms"
        else:
            ask(connection, target, _PROMPT, timeout_s=timeout)
            told = f"{target.name} answers"
    except GatewayError as error:
        value = {"name": name, "ok": False, "problem": str(error)}
        return Answer(value=value, show=f"{name}: {error}", status=ExitStatus.FAILED)
    return Answer(value={"name": name, "ok": True, "problem": None}, show=f"{name}: {told}")


@command
def models(
    *,
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="A provider's name.")],
    known: Annotated[
        bool, typer.Option("--known", help="Ask nobody: show what the table that comes with dspash has.")
    ] = False,
    timeout: _Timeout = 20.0,
) -> Answer:
    """List the models of a provider, with prices and limits where they are known.

    The provider is asked. Prices are US dollars a million tokens, from the table that comes with dspash.
    """
    from dspash.gateway.providers.model_table import bundled_table
    from dspash.gateway.providers.probing import probe

    with _looking() as view:
        connection = view.connection(provider)
    table = bundled_table()
    ids = table.models(connection.type) if known else probe(connection, timeout_s=timeout).models
    rows = [_model_row(connection, table, model) for model in ids]

    def show(console: Console) -> None:
        from dspash.cli.table import print_table

        shown = [
            [
                row["model"],
                _money(row["input_usd"]),
                _money(row["output_usd"]),
                str(row["max_input"] or ""),
                ", ".join(row["able"]),
            ]
            for row in rows
        ]
        print_table(console, ["model", "$/M in", "$/M out", "reads", "able to"], shown)
        console.print(f"prices: {table.basis}", highlight=False, markup=False)

    return Answer(value={"provider": provider, "prices": table.basis, "models": rows}, show=show)


@command
def new_key() -> Answer:
    """Make a key for DSPASH_SECRET_KEY, under which providers' keys are sealed.

    Put it before the one in use, divided by a comma; `dspash providers reseal` then seals a key anew, and when all are, the
    older one can go.
    """
    from dspash.secrets import new_key as made

    key = made()
    return Answer(value={"key": key}, show=key)


@dataclass(frozen=True, slots=True)
class _View:
    """What is configured, at one moment."""

    tenant: str
    directory: ProviderDirectory
    roster: Roster
    kept: tuple[Provider, ...]

    def connection(self, name: str) -> Connection:
        """The provider called so. Raises ConfigurationError."""
        found = self.roster.connections.get(name)
        if found is None:
            why = self.roster.unusable.get(name, "there is none of that name here")
            raise ConfigurationError(f"provider {name}", why, "dspash lm providers shows those there are")
        return found


@contextmanager
def _looking() -> Generator[_View]:
    from dspash.cli.session import opened
    from dspash.gateway.providers.directory import ProviderDirectory
    from dspash.gateway.providers.environment import environment_roster
    from dspash.resources.lm.stored_providers import StoredProviders
    from dspash.resources.provider import Provider
    from dspash.secrets import user_vault

    with opened() as session, ThreadPoolExecutor(1) as executor:
        tenant = session.scene.context.tenant
        stored = StoredProviders(
            lambda: session.scene, user_vault(os.environ), lambda: environment_roster(os.environ), executor
        )
        kept = tuple(session.scene.of(Provider).iterate(sort="name"))
        yield _View(tenant, ProviderDirectory(stored), stored.roster(tenant), kept)


def _kept_rows(view: _View) -> list[dict[str, Any]]:
    from dspash.secrets import is_reference

    rows: list[dict[str, Any]] = []
    for record in view.kept:
        found = view.roster.connections.get(record.name)
        key = (
            "none" if record.api_key is None else record.api_key if is_reference(record.api_key) else "sealed"
        )
        rows.append(
            {
                "name": record.name,
                "type": record.type,
                "source": "kept",
                "address": record.config.base_url if found is None else found.endpoint,
                "key": key,
                "key_id": None if found is None else found.key_id,
                "model": record.config.model,
                "problem": view.roster.unusable.get(record.name),
            }
        )
    return rows


def _environment_rows(view: _View) -> list[dict[str, Any]]:
    from dspash.gateway.providers.environment import keys_found

    kept, keys = {record.name for record in view.kept}, keys_found(os.environ)
    rows: list[dict[str, Any]] = []
    for name in sorted({*view.roster.connections, *view.roster.unusable} - kept):
        found = view.roster.connections.get(name)
        rows.append(
            {
                "name": name,
                "type": name,
                "source": "environment",
                "address": None if found is None else found.endpoint,
                "key": f"env:{keys[name]}" if name in keys else "none",
                "key_id": None if found is None else found.key_id,
                "model": None,
                "problem": view.roster.unusable.get(name),
            }
        )
    return rows


def _model_row(connection: Connection, table: ModelTable, model: str) -> dict[str, Any]:
    facts = table.facts(connection.type, model, connection.models.get(model))
    return {
        "model": model,
        "input_usd": _a_million(facts.price, "input"),
        "output_usd": _a_million(facts.price, "output"),
        "max_input": facts.max_input,
        "max_output": facts.max_output,
        "able": sorted(facts.able),
    }


def _a_million(price: Price | None, which: str) -> float | None:
    return None if price is None else round(getattr(price.rates, which) * _MILLION, 6)


def _money(figure: float | None) -> str:
    return "unknown" if figure is None else f"{figure:g}"


PROVIDER_COMMANDS: Final[Mapping[str, Callable[..., Any]]] = {
    "providers": providers,
    "test": try_out,
    "models": models,
    "new-key": new_key,
}
