"""Invocation: what holds for one run of `dspash`, whichever command it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

__all__ = ["Invocation", "debug_option", "json_option"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass(slots=True)
class Invocation:
    """`debug`: errors show tracebacks and what the worker said."""

    debug: bool = False


def debug_option(command: Decorated) -> Decorated:
    """Add `--debug`, which may stand before the command's name or after it."""
    return click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=_set_debug,
        help="On errors, show tracebacks and what the worker said.",
    )(command)


def json_option(what: str) -> Callable[[Decorated], Decorated]:
    """Add `--json`, as the argument `as_json`; `what` says what is printed then."""
    return click.option("--json", "as_json", is_flag=True, help=what)


def _set_debug(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's shape
    if value:
        context.ensure_object(Invocation).debug = True
